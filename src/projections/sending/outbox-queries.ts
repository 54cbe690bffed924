import { sql, type Kysely } from 'kysely'
import { tablesOf } from '../projection.ts'
import { outbox, type OutboxRow, type OutboxState } from './outbox.ts'

// ---------------------------------------------------------------- to do

const due = (db: Kysely<unknown>) =>
  tablesOf(db, outbox)
    .selectFrom('message')
    .leftJoin('account', 'account.id', 'message.account_id')
    // By the database's clock: those of the senders may be wrong, each in its own way.
    .where('due_at', '<=', sql<string>`clock_timestamp()`)
    .where(sql<boolean>`account.status is distinct from 'paused'`)

/** Accounts with messages that are due, the longest waiting first. */
export const accountsWithDue = async (db: Kysely<unknown>, limit: number): Promise<string[]> => {
  const rows = await due(db)
    .select('account_id')
    .groupBy('account_id')
    .orderBy((of) => of.fn.min('due_at'))
    .limit(limit)
    .execute()
  return rows.map((row) => row.account_id)
}

/** The account's messages that are due, oldest first. */
export const dueMessages = async (
  db: Kysely<unknown>,
  accountId: string,
  limit: number,
): Promise<string[]> => {
  const rows = await due(db)
    .select('message.id')
    .where('account_id', '=', accountId)
    .orderBy('due_at')
    .orderBy('message.id')
    .limit(limit)
    .execute()
  return rows.map(({ id }) => id)
}

/** Messages of one account or all that are being released, or were when their sender died. */
export const releasingMessages = (
  db: Kysely<unknown>,
  accountId: string | null,
  limit: number,
): Promise<{ id: string; accountId: string }[]> =>
  tablesOf(db, outbox)
    .selectFrom('message')
    .select(['id', 'account_id as accountId'])
    .where('state', '=', 'releasing')
    .$if(accountId !== null, (query) => query.where('account_id', '=', accountId))
    .orderBy('account_id')
    .orderBy('id')
    .limit(limit)
    .execute()

/** Unclear messages that were met in a mailbox or answered, with when. */
export const metMessages = (db: Kysely<unknown>, limit: number): Promise<{ id: string; metAt: string }[]> =>
  tablesOf(db, outbox)
    .selectFrom('message')
    .select(['id', 'confirm_at as metAt'])
    .where('confirm_at', 'is not', null)
    .$narrowType<{ metAt: string }>()
    .orderBy('confirm_at')
    .limit(limit)
    .execute()

// ---------------------------------------------------------------- to read

/** Messages, the last queued first, up to `limit` behind the key `after`. */
export const listOutbox = (
  db: Kysely<unknown>,
  filter: {
    readonly state?: OutboxState | undefined
    readonly accountId?: string | undefined
    /** Only messages of these accounts. */
    readonly accounts?: readonly string[] | undefined
  },
  after: readonly [queuedAt: string, id: string] | null,
  limit: number,
): Promise<OutboxRow[]> =>
  tablesOf(db, outbox)
    .selectFrom('message')
    .selectAll()
    .$if(filter.state !== undefined, (query) => query.where('state', '=', filter.state ?? ''))
    .$if(filter.accountId !== undefined, (query) => query.where('account_id', '=', filter.accountId ?? ''))
    .$if(filter.accounts !== undefined, (query) =>
      query.where(sql<boolean>`account_id = any(${[...(filter.accounts ?? [])]}::text[])`),
    )
    .$if(after !== null, (query) =>
      query.where(sql<boolean>`(queued_at, id) < (${after?.[0]}::timestamptz, ${after?.[1]})`),
    )
    .orderBy('queued_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()

export const findOutgoing = (db: Kysely<unknown>, id: string): Promise<OutboxRow | undefined> =>
  tablesOf(db, outbox).selectFrom('message').selectAll().where('id', '=', id).executeTakeFirst()
