import { sql, type Kysely, type SelectQueryBuilder } from 'kysely'
import { levelOf, type AccessRights } from '../../domain/accounts/access-rights.ts'
import { alwaysAvailable } from '../../domain/assignment/availability.ts'
import { leftToPeople, leftUnder } from '../../domain/assignment/left-as.ts'
import { isLeftAgain, usersIn, type ConversationFacts } from '../../domain/assignment/pick.ts'
import type { UserFacts } from '../../domain/assignment/standing.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import type { WorkToAssign } from '../../domain/assignment/work.ts'
import { tablesOf, type DatabaseOf, type RowOf } from '../projection.ts'
import { assignmentFacts } from './assignment-facts.ts'
import type { assignmentTables } from './tables.ts'

type AssignmentTables = DatabaseOf<typeof assignmentTables>
export type AssignmentDb = Kysely<AssignmentTables>

/** All that is read in it is of one moment. */
export const atOnce = <Result>(
  db: Kysely<unknown>,
  read: (tables: AssignmentDb) => Promise<Result>,
): Promise<Result> =>
  db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute((transaction) => read(tablesOf(transaction, assignmentFacts)))

/**
 * Accounts in which something may have to be assigned: by rules, or because it was decided and not said yet. What was left
 * to people under the rules in force is not.
 */
export const accountsToAssign = (db: Kysely<unknown>) => async (): Promise<string[]> => {
  const tables = tablesOf(db, assignmentFacts)
  const ofAccount = tables
    .selectFrom('conversation')
    // Keys are in byte order, and other columns are not: without this, no index of theirs would do.
    .where(sql<boolean>`conversation.account_id = account.id collate "default"`)
    .limit(1)
  // Of values in order, all are the same if the first and the last are; each is one step through the index.
  const leftAs = ofAccount.select('left_as').$call(isUndecided)
  const isOther = (found: typeof leftAs) => sql<boolean>`${found} <> '[' || account.rules_revision || ']'`
  const rows = await tables
    .selectFrom('account')
    .select('id')
    .where((where) =>
      where.or([
        where(ofAccount.select('id').where('pick', 'is not', null), 'is not', null),
        where.and([
          sql<boolean>`jsonb_array_length(rules -> 'rules') > 0`,
          where.or([isOther(leftAs.orderBy('left_as')), isOther(leftAs.orderBy('left_as', 'desc'))]),
        ]),
      ]),
    )
    .orderBy('id')
    .execute()
  return rows.map(({ id }) => id)
}

/** Open, nobody's, and nobody's by a decision that the conversation itself does not say yet. */
const isUndecided = <O>(of: SelectQueryBuilder<AssignmentTables, 'conversation', O>) =>
  of
    .where('status', '=', 'open')
    .where('user_id', 'is', null)
    .where('merged', '=', false)
    .where('pick', 'is', null)

export const workToAssign =
  (db: Kysely<unknown>) =>
  (accountId: string, at: string, limit: number): Promise<WorkToAssign | null> =>
    atOnce(db, async (tables) => {
      const account = await tables
        .selectFrom('account')
        .selectAll()
        .where('id', '=', accountId)
        .executeTakeFirst()
      if (!account) return null
      const { rules, rules_revision: rulesRevision } = account
      const usersWith = (belongTo: readonly (string | null)[]) =>
        usersOf(tables, accountId, account.rights, [
          ...usersIn(rules),
          ...belongTo.filter((id) => id !== null),
        ])
      const pending = await tables
        .selectFrom('conversation')
        .select(['id', 'pick'])
        .where('account_id', '=', accountId)
        .where('pick', 'is not', null)
        .execute()
      const groups = rules.rules.length === 0 ? [] : await leftAsIn(tables, accountId)
      const left = groups.map((leftAs) => ({ leftAs, facts: leftUnder(rulesRevision, leftAs) }))
      const known = await usersWith(left.map(({ facts }) => facts?.belongsTo ?? null))
      const toTry = left.filter(({ leftAs, facts }) =>
        facts === null ? leftAs !== leftToPeople(rulesRevision) : !isLeftAgain(rules, known, at, facts),
      )
      const rows = await oldestOf(tables, accountId, toTry, limit)
      const people = await whoWrote(tables, rows)
      return {
        rules,
        rulesRevision,
        revision: account.revision,
        state: { rulesRevision: account.turns_revision, turns: account.turns },
        pending: pending.flatMap(({ id, pick }) => (pick ? [{ conversationId: id, ...pick }] : [])),
        conversations: rows.map((row) => ({
          conversationId: row.id,
          ...(people.get(row.from_address ?? '') ?? nobody),
          belongsTo: row.belongs_to,
          left: leftUnder(rulesRevision, row.left_as),
        })),
        users: await usersWith(rows.map((row) => row.belongs_to)),
        factsAt: await seenAt(tables),
      }
    })

/** As what undecided conversations of an account were left: each once, found by one step through the index for each. */
const leftAsIn = async (tables: AssignmentDb, accountId: string): Promise<string[]> => {
  const undecided = tables
    .selectFrom('conversation')
    .select('left_as')
    .where('account_id', '=', accountId)
    .$call(isUndecided)
    .orderBy('left_as')
    .limit(1)
  const rows = await tables
    .withRecursive('step(left_as)', (step) =>
      step
        .selectFrom(undecided.as('first'))
        .select(sql<string | null>`first.left_as`.as('left_as'))
        .unionAll(
          step
            .selectFrom('step')
            .select(undecided.where(sql<boolean>`conversation.left_as > step.left_as`).as('left_as'))
            .where('step.left_as', 'is not', null),
        ),
    )
    .selectFrom('step')
    .select('left_as')
    .execute()
  return rows.flatMap(({ left_as }) => left_as ?? [])
}

/** The oldest undecided conversations of those that were left as one of these. */
const oldestOf = async (
  tables: AssignmentDb,
  accountId: string,
  groups: readonly { readonly leftAs: string }[],
  limit: number,
): Promise<RowOf<typeof assignmentTables.conversation>[]> => {
  const leftAs = sql<{ left_as: string }>`unnest(${groups.map((each) => each.leftAs)}::text[])`
  const oldest = tables
    .selectFrom('conversation')
    .selectAll()
    .where('account_id', '=', accountId)
    .$call(isUndecided)
    .where(sql<boolean>`conversation.left_as = asked.left_as`)
    .orderBy('waiting_since')
    .orderBy('id')
    .limit(limit)
  return tables
    .selectFrom(leftAs.as<'asked'>(sql`asked(left_as)`))
    .innerJoinLateral(oldest.as('oldest'), (join) => join.onTrue())
    .selectAll('oldest')
    .orderBy('oldest.waiting_since')
    .orderBy('oldest.id')
    .limit(limit)
    .execute()
}

const seenAt = async (tables: AssignmentDb): Promise<string> =>
  (await tables.selectFrom('seen').select('position').executeTakeFirst())?.position ?? ''

type Person = Pick<ConversationFacts, 'territory' | 'product'>
export const nobody: Person = { territory: null, product: null }

/**
 * The territory and product of whoever wrote, by address: of several contacts with one address the first by id counts, and
 * the company's territory where the contact has none.
 */
export const whoWrote = async (
  tables: AssignmentDb,
  conversations: readonly { readonly from_address: string | null }[],
): Promise<ReadonlyMap<string, Person>> => {
  const written = [...new Set(conversations.flatMap(({ from_address }) => from_address ?? []))]
  const rows = await tables
    .selectFrom('contact_address')
    .innerJoin('contact', 'contact.id', 'contact_address.contact_id')
    .leftJoin('company', 'company.id', 'contact.company_id')
    .select([
      'address',
      'product',
      sql<string | null>`coalesce(contact.territory, company.territory)`.as('territory'),
    ])
    .distinctOn('address')
    .where(sql<boolean>`address = any(${written.map(normaliseAddress)}::text[])`)
    .orderBy('address')
    .orderBy('contact.id')
    .execute()
  const byAddress = new Map(rows.map(({ address, ...person }) => [address, person]))
  return new Map(written.map((address) => [address, byAddress.get(normaliseAddress(address)) ?? nobody]))
}

/** What is known of these users of the account. Those that nobody knows are left out. */
export const usersOf = async (
  tables: AssignmentDb,
  accountId: string,
  rights: AccessRights,
  asked: readonly string[],
): Promise<UserFacts[]> => {
  const ids = [...new Set(asked)]
  const rows = await tables
    .selectFrom('user')
    .leftJoin('availability', 'availability.user_id', 'user.id')
    .select(['user.id', 'availability'])
    .where(sql<boolean>`"user".id = any(${ids}::text[])`)
    .orderBy('user.id')
    .execute()
  const counts = await tables
    .selectFrom('holding')
    .select(['user_id as userId', 'open'])
    .where('account_id', '=', accountId)
    .where(sql<boolean>`user_id = any(${ids}::text[])`)
    .execute()
  const open = new Map(counts.map((row) => [row.userId, row.open]))
  return rows.map(({ id, availability }) => ({
    userId: id,
    isKnown: true,
    level: levelOf(rights, id),
    availability: availability ?? alwaysAvailable,
    open: open.get(id) ?? 0,
  }))
}
