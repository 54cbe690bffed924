import { sql } from 'kysely'
import type * as real from '../../../src/projections/sending/outbox-queries.ts'
import { outbox } from '../../../src/projections/sending/outbox.ts'
import { tablesOf } from '../../../src/projections/projection.ts'

// Everything else is unchanged.
export * from '../../../src/projections/sending/outbox-queries.ts'

const soon = sql<string>`clock_timestamp() + interval '3 seconds'`

export const accountsWithDue: typeof real.accountsWithDue = (db) => async (limit) => {
  const due = tablesOf(db, outbox).selectFrom('email').select('account_id').where('due_at', '<=', soon)
  return (await due.distinct().limit(limit).execute()).map((row) => row.account_id)
}

export const dueEmails: typeof real.dueEmails = (db) => async (accountId, limit) => {
  const due = tablesOf(db, outbox).selectFrom('email').select('id').where('due_at', '<=', soon)
  return (await due.where('account_id', '=', accountId).limit(limit).execute()).map(({ id }) => id)
}
