import { sql, type Kysely } from 'kysely'
import { levelOf, type AccessRights } from '../../domain/accounts/access-rights.ts'
import { alwaysAvailable } from '../../domain/assignment/availability.ts'
import { usersIn, type ConversationFacts } from '../../domain/assignment/pick.ts'
import type { UserFacts } from '../../domain/assignment/standing.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import type { Holder, WorkToAssign } from '../../domain/assignment/work.ts'
import { paged, tablesOf, type DatabaseOf } from '../projection.ts'
import { assignmentFacts } from './assignment-facts.ts'
import type { assignmentTables } from './tables.ts'

export type AssignmentDb = Kysely<DatabaseOf<typeof assignmentTables>>

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

/** Accounts in which something is to be assigned: by rules, or because it was decided and not said yet. */
export const accountsToAssign = (db: Kysely<unknown>) => async (): Promise<string[]> => {
  const tables = tablesOf(db, assignmentFacts)
  const rows = await tables
    .selectFrom('account')
    .select('id')
    .where((where) =>
      where.exists(
        backlogOf(tables)
          .select('conversation.id')
          .whereRef('conversation.account_id', '=', sql.ref('account.id'))
          .where(
            sql<boolean>`(pick is not null or (jsonb_array_length(rules -> 'rules') > 0
              and (left_reason is distinct from 'manual' or left_under <> rules_revision)))`,
          ),
      ),
    )
    .orderBy('id')
    .execute()
  return rows.map(({ id }) => id)
}

/** Open, and nobody's. */
const backlogOf = (tables: AssignmentDb) =>
  tables
    .selectFrom('conversation')
    .where('status', '=', 'open')
    .where('user_id', 'is', null)
    .where('merged', '=', false)

export const workToAssign =
  (db: Kysely<unknown>) =>
  (accountId: string, after: WorkToAssign['next'], limit: number): Promise<WorkToAssign | null> =>
    atOnce(db, async (tables) => {
      const account = await tables
        .selectFrom('account')
        .selectAll()
        .where('id', '=', accountId)
        .executeTakeFirst()
      if (!account) return null
      const ofAccount = backlogOf(tables).where('account_id', '=', accountId)
      const pending = await ofAccount.select(['id', 'pick']).where('pick', 'is not', null).execute()
      const undecided = ofAccount
        .selectAll()
        .where('pick', 'is', null)
        .where(
          sql<boolean>`(left_reason is distinct from 'manual' or left_under <> ${account.rules_revision})`,
        )
      const page = { descending: false, after, limit }
      const rows = await paged(undecided, { column: 'waiting_since', type: 'timestamptz' }, page).execute()
      const last = rows.at(-1)
      const people = await whoWrote(tables, rows)
      const belongTo = rows.flatMap(({ belongs_to }) => belongs_to ?? [])
      const users = await usersOf(tables, accountId, account.rights, [...usersIn(account.rules), ...belongTo])
      return {
        rules: account.rules,
        rulesRevision: account.rules_revision,
        revision: account.revision,
        state: { rulesRevision: account.turns_revision, turns: account.turns },
        pending: pending.flatMap(({ id, pick }) => (pick ? [{ conversationId: id, ...pick }] : [])),
        conversations: rows.map((row) => ({
          conversationId: row.id,
          ...(people.get(row.from_address ?? '') ?? nobody),
          belongsTo: row.belongs_to,
          left:
            row.left_reason === 'nobody-available' && row.left_under === account.rules_revision
              ? row.left_reason
              : null,
        })),
        next: last && rows.length === limit ? [last.waiting_since, last.id] : null,
        users,
        factsAt: await seenAt(tables),
      }
    })

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
    .selectFrom('conversation')
    .select([
      sql<string>`coalesce(user_id, pick ->> 'userId')`.as('userId'),
      sql<number>`count(*)::int`.as('open'),
    ])
    .where('account_id', '=', accountId)
    .where('status', '=', 'open')
    .where('merged', '=', false)
    .where(sql<boolean>`coalesce(user_id, pick ->> 'userId') = any(${ids}::text[])`)
    .groupBy('userId')
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

/** Whose conversations are not closed: users who may have to be relieved of them. */
export const holders = (db: Kysely<unknown>) => (): Promise<Holder[]> =>
  atOnce(db, async (tables) => {
    const rows = await tables
      .selectFrom(held(tables).as('held'))
      .innerJoin('account', 'account.id', 'held.account_id')
      .leftJoin('user', 'user.id', 'held.user_id')
      .leftJoin('availability', 'availability.user_id', 'held.user_id')
      .select(['held.account_id', 'held.user_id', 'rights', 'rules', 'user.id as known', 'availability'])
      .orderBy('held.account_id')
      .orderBy('held.user_id')
      .execute()
    return rows.flatMap(({ account_id, user_id, rights, rules, known, availability }) =>
      user_id === null
        ? []
        : [
            {
              accountId: account_id,
              rules,
              user: {
                userId: user_id,
                isKnown: known !== null,
                level: levelOf(rights, user_id),
                availability: availability ?? alwaysAvailable,
                open: 0,
              },
            },
          ],
    )
  })

const held = (tables: AssignmentDb) =>
  tables
    .selectFrom('conversation')
    .select(['account_id', 'user_id'])
    .distinct()
    .where('user_id', 'is not', null)
    .where('status', '<>', 'closed')
    .where('merged', '=', false)

/** Conversations of a user that are not closed. `onlyOpen`: those that wait for the other side stay out. */
export const heldBy =
  (db: Kysely<unknown>) =>
  async (accountId: string, userId: string, onlyOpen: boolean, limit: number): Promise<string[]> => {
    const rows = await tablesOf(db, assignmentFacts)
      .selectFrom('conversation')
      .select('id')
      .where('account_id', '=', accountId)
      .where('user_id', '=', userId)
      .where('merged', '=', false)
      .where('status', onlyOpen ? '=' : '<>', onlyOpen ? 'open' : 'closed')
      .orderBy('waiting_since')
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map(({ id }) => id)
  }
