import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { FactList, KnownContact } from '../../domain/linking/facts.ts'
import { accountKey, KEYS_AT_ONCE, keysOf } from '../../domain/linking/keys.ts'
import { noLinks } from '../../domain/linking/links.ts'
import type { Rules } from '../../domain/linking/match.ts'
import type { BatchOf, MatchBatch } from '../../domain/linking/match-batch.ts'
import {
  noBackProgress,
  noNewProgress,
  type BackProgress,
  type NewProgress,
} from '../../domain/linking/progress.ts'
import { schemaOf, tablesOf, type DatabaseOf, type RowOf } from '../projection.ts'
import { matching, type matchingTables } from './matching.ts'

type Db = Kysely<DatabaseOf<typeof matchingTables>>

/** All that is read in it is of one moment. */
const atOnce = <Result>(db: Kysely<unknown>, read: (tables: Db) => Promise<Result>): Promise<Result> =>
  db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute((transaction) => read(tablesOf(transaction, matching)))

const isOneOf = (column: string, values: readonly string[]) =>
  sql<boolean>`${sql.ref(column)} = any(${[...values]}::text[])`

/** The next messages to match, at most `limit`. */
export const nextToMatch =
  (db: Kysely<unknown>) =>
  (of: BatchOf): Promise<MatchBatch> =>
    atOnce(db, async (tables) => {
      const found = await subjectsOf(tables, of)
      const rules = await rulesOf(tables, [...new Set(found.map(({ account_id }) => account_id))])
      const messages = found.flatMap((row) => {
        const { subject, position, links, revision } = row
        const ofAccount = rules.get(row.account_id)
        return position === null || ofAccount === undefined
          ? []
          : [{ subject, position, rules: ofAccount, recorded: links ?? noLinks, revision: revision ?? -1 }]
      })
      const facts = await factsUnder(tables, new Set(messages.flatMap(({ subject }) => keysOf(subject))))
      return { messages, facts, factsAt: await seenAt(tables) }
    })

const subjectsOf = (tables: Db, of: BatchOf) =>
  tables
    .selectFrom(foundBy(of).as('found'))
    .innerJoin('subject', 'subject.message_id', 'found.message_id')
    .leftJoin('outcome', 'outcome.message_id', 'found.message_id')
    .select([
      'subject.account_id',
      'subject.position',
      'subject.subject',
      'outcome.links',
      'outcome.revision',
    ])
    .orderBy('subject.position')
    .execute()

/**
 * Only where they are: what is known of them is read for these few. Whole accounts are read in the order of an index, and
 * other keys looked up one by one, because to compare a message with all of them takes longest.
 */
const foundBy = ({ after, upTo, keys, limit }: BatchOf) => {
  const subject = sql.table(`${schemaOf(matching)}.subject`)
  const within = sql`position > ${after ?? ''} and (${upTo}::text is null or position <= ${upTo})`
  const nextOf = (condition: RawBuilder<unknown>) =>
    sql`select position, message_id from ${subject} where ${within} and ${condition} order by position limit ${limit}`
  if (keys === null) return sql<Found>`(${nextOf(sql`true`)})`
  const under = byKind(keys)
  const accounts = under.get('account') ?? []
  const others = keys.filter((key) => !key.startsWith(accountKey('')))
  return sql<Found>`(
    select position, message_id from unnest(${accounts}::text[]) as a(id)
      cross join lateral (${nextOf(sql`account_id = a.id`)}) s
    union
    select position, message_id from unnest(${others}::text[]) as k(key)
      cross join lateral (select position, message_id from ${subject} where keys ? k.key offset 0) s
      where ${within}
    order by position limit ${limit})`
}
type Found = { readonly position: string; readonly message_id: string }

const rulesOf = async (tables: Db, accounts: readonly string[]): Promise<ReadonlyMap<string, Rules>> => {
  const rows = await tables.selectFrom('account').selectAll().where(isOneOf('id', accounts)).execute()
  return new Map(rows.map(({ id, rules }) => [id, rules]))
}

const seenAt = async (tables: Db): Promise<string> =>
  (await tables.selectFrom('seen').select('position').where('id', '=', 'main').executeTakeFirst())
    ?.position ?? ''

/** All facts under these keys. */
export const knownFacts =
  (db: Kysely<unknown>) =>
  (keys: readonly string[]): Promise<FactList> =>
    atOnce(db, (tables) => factsUnder(tables, new Set(keys)))

const factsUnder = async (tables: Db, keys: Iterable<string>): Promise<FactList> => {
  const under = byKind(keys)
  const addresses = under.get('address') ?? []
  const senders = await tables.selectFrom('sender').selectAll().where(isOneOf('address', addresses)).execute()
  const assigned = senders.flatMap(({ records }) =>
    records.flatMap(({ kind, id }) => (kind === 'contact' ? [id] : [])),
  )
  const contacts = await contactsOf(tables, addresses, under.get('name') ?? [], assigned)
  const companyIds = contacts.flatMap(({ company_id }) => company_id ?? [])
  const companies = await companiesOf(tables, under.get('domain') ?? [], companyIds)
  const own = await tables
    .selectFrom('own_address')
    .select('address')
    .where(isOneOf('address', addresses))
    .execute()
  const ownDomains = await tables.selectFrom('own_domains').select('domains').executeTakeFirst()
  const deals = await tables
    .selectFrom('deal')
    .selectAll()
    .where(isOneOf('header', under.get('ref') ?? []))
    .execute()
  return {
    contacts: contacts.map(contactFrom),
    companies,
    senders,
    ownAddresses: own.map(({ address }) => address),
    ownDomains: ownDomains?.domains ?? [],
    deals: deals.map(({ header, message_id, deal_id }) => ({
      header,
      messageId: message_id,
      dealId: deal_id,
    })),
  }
}

const contactFrom = ({
  id,
  emails,
  name,
  company_id: companyId,
}: RowOf<(typeof matchingTables)['contact']>): KnownContact => ({ id, emails, name, companyId })

const byKind = (keys: Iterable<string>): ReadonlyMap<string, string[]> => {
  const kinds = new Map<string, string[]>()
  for (const key of keys) {
    const kind = key.slice(0, key.indexOf(':'))
    const under = kinds.get(kind)
    const value = key.slice(kind.length + 1)
    if (under) under.push(value)
    else kinds.set(kind, [value])
  }
  return kinds
}

const contactsOf = (
  tables: Db,
  addresses: readonly string[],
  names: readonly string[],
  ids: readonly string[],
) => {
  const withAddress = tables
    .selectFrom('contact_address')
    .select('contact_id')
    .where(isOneOf('address', addresses))
  const withName = tables.selectFrom('contact_name').select('contact_id').where(isOneOf('name', names))
  return tables
    .selectFrom('contact')
    .selectAll()
    .where((of) => of.or([of('id', 'in', withAddress), of('id', 'in', withName), isOneOf('id', ids)]))
    .execute()
}

const companiesOf = (tables: Db, domains: readonly string[], ids: readonly string[]) => {
  const withDomain = tables
    .selectFrom('company_domain')
    .select('company_id')
    .where(isOneOf('domain', domains))
  return tables
    .selectFrom('company')
    .selectAll()
    .where((of) => of.or([of('id', 'in', withDomain), isOneOf('id', ids)]))
    .execute()
}

type Progress<State> = { readonly state: State; readonly revision: number }

export type MatchingProgress = {
  readonly new: Progress<NewProgress>
  readonly back: Progress<BackProgress>
  /** Up to where everything that matching goes by is known. */
  readonly seenAt: string
}

export const matchingProgress = (db: Kysely<unknown>) => (): Promise<MatchingProgress> =>
  atOnce(db, async (tables) => {
    const rows = await tables.selectFrom('progress').selectAll().execute()
    const progressOf = (wanted: string) => rows.find(({ name }) => name === wanted)
    return {
      new: progressFrom<NewProgress>(progressOf('new'), noNewProgress),
      back: progressFrom<BackProgress>(progressOf('back'), noBackProgress),
      seenAt: await seenAt(tables),
    }
  })

/** The row's name says which of the two it holds. */
const progressFrom = <State extends NewProgress | BackProgress>(
  row: { readonly state: NewProgress | BackProgress; readonly revision: number } | undefined,
  none: State,
): Progress<State> => (row ? { ...row, state: row.state as State } : { state: none, revision: -1 })

/** These contacts and companies, as matching knows them; those that are not there are left out. */
export const knownRecords =
  (db: Kysely<unknown>) =>
  (
    contactIds: readonly string[],
    companyIds: readonly string[],
  ): Promise<Pick<FactList, 'contacts' | 'companies'>> =>
    atOnce(db, async (tables) => ({
      contacts: (
        await tables.selectFrom('contact').selectAll().where(isOneOf('id', contactIds)).execute()
      ).map(contactFrom),
      companies: await tables.selectFrom('company').selectAll().where(isOneOf('id', companyIds)).execute(),
    }))

/** Up to where the next run covers what changed behind `after`; null if nothing did. */
export const endOfNextRun =
  (db: Kysely<unknown>) =>
  async (after: string | null): Promise<string | null> => {
    const rows = await tablesOf(db, matching)
      .selectFrom('changed_key')
      .select('position')
      .$if(after !== null, (query) => query.where('position', '>', after!))
      .orderBy('position')
      .limit(KEYS_AT_ONCE)
      .execute()
    return rows.at(-1)?.position ?? null
  }

/** The keys that changed behind `after`, up to `upTo`. One that changed again since is of a later run. */
export const keysChanged =
  (db: Kysely<unknown>) =>
  async (after: string | null, upTo: string): Promise<string[]> => {
    const rows = await tablesOf(db, matching)
      .selectFrom('changed_key')
      .select('key')
      .$if(after !== null, (query) => query.where('position', '>', after!))
      .where('position', '<=', upTo)
      .execute()
    return rows.map(({ key }) => key)
  }
