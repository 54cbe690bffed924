import { sql, type Kysely } from 'kysely'
import { AccountConnected, AccountPaused, AccountResumed } from '../../domain/accounts/events.ts'
import { EmailSent, SentCopyFiled } from '../../domain/sending/events.ts'
import { projection, table, tablesOf, text, timestamp } from '../projection.ts'

/** To do: sent messages that no copy in the Sent folder is known of. */
export const sentCopiesToFile = projection({
  name: 'sent-copies-to-file',
  version: 2,
  tables: {
    message: table({
      columns: { id: text, account_id: text, sent_at: timestamp },
      key: ['id'],
      indexes: ['(account_id, sent_at)'],
    }),
    paused: table({ columns: { account_id: text }, key: ['account_id'] }),
  },
  events: [EmailSent, SentCopyFiled, AccountConnected, AccountPaused, AccountResumed],
  fold: (event, rows) => {
    switch (event.type) {
      case 'EmailSent': {
        if (!event.data.first) return
        const { outgoingId: id, accountId: account_id, sentAt: sent_at } = event.data
        return rows.put('message', { id, account_id, sent_at })
      }
      case 'SentCopyFiled':
        return rows.remove('message', { id: event.data.outgoingId })
      case 'AccountPaused':
        return rows.put('paused', { account_id: event.data.accountId })
      case 'AccountConnected':
      case 'AccountResumed':
        return rows.remove('paused', { account_id: event.data.accountId })
    }
  },
})

/**
 * Up to `limit` messages of each account that is not paused, oldest first. Some servers file a copy by themselves:
 * they are left `waitSeconds` to do it.
 */
export const copiesToFile =
  (db: Kysely<unknown>) =>
  async (limit: number, waitSeconds: number): Promise<{ accountId: string; ids: string[] }[]> => {
    const numbered = tablesOf(db, sentCopiesToFile)
      .selectFrom('message')
      .leftJoin('paused', 'paused.account_id', 'message.account_id')
      .where('paused.account_id', 'is', null)
      .where('sent_at', '<=', sql<string>`clock_timestamp() - ${waitSeconds} * interval '1 second'`)
      .select([
        'message.account_id',
        'id',
        sql<number>`row_number() over (partition by message.account_id order by sent_at, id)`.as('nth'),
      ])
    const rows = await tablesOf(db, sentCopiesToFile)
      .selectFrom(numbered.as('numbered'))
      .select(['account_id', 'id'])
      .where('nth', '<=', limit)
      .orderBy('account_id')
      .orderBy('nth')
      .execute()
    const byAccount = Map.groupBy(rows, (row) => row.account_id)
    return [...byAccount].map(([accountId, of]) => ({ accountId, ids: of.map(({ id }) => id) }))
  }
