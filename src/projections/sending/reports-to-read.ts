import type { Kysely } from 'kysely'
import { DeliveryReportRead } from '../../domain/sending/events.ts'
import { MessageSynced } from '../../domain/sync/events.ts'
import { projection, table, tablesOf, text, timestamp } from '../projection.ts'

/** To do: messages that call themselves reports and have not been read yet. */
export const reportsToRead = projection({
  name: 'reports-to-read',
  version: 1,
  tables: {
    report: table({
      columns: { id: text, account_id: text, raw: text, received_at: timestamp },
      key: ['id'],
      indexes: ['(received_at, id)'],
    }),
  },
  events: [MessageSynced, DeliveryReportRead],
  fold: (event, rows) => {
    const { messageId: id } = event.data
    if (event.type === 'DeliveryReportRead') return rows.remove('report', { id })
    const { automatic, accountId: account_id, raw, receivedAt: received_at } = event.data
    if (automatic === 'report') rows.put('report', { id, account_id, raw, received_at })
  },
})

/** Newest first: they are about what was sent last. */
export const unreadReports =
  (db: Kysely<unknown>) =>
  (limit: number): Promise<{ messageId: string; accountId: string; raw: string; receivedAt: string }[]> =>
    tablesOf(db, reportsToRead)
      .selectFrom('report')
      .select(['id as messageId', 'account_id as accountId', 'raw', 'received_at as receivedAt'])
      .orderBy('received_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
