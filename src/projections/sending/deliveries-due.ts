import { sql, type Kysely } from 'kysely'
import { EmailBounced, EmailDelivered, EmailSent } from '../../domain/sending/events.ts'
import { projection, table, tablesOf, text, timestamp } from '../projection.ts'

/** To do: sent messages of which neither delivery nor a final bounce is known. */
export const deliveriesDue = projection({
  name: 'deliveries-due',
  version: 1,
  tables: {
    message: table({
      columns: { id: text, sent_at: timestamp },
      key: ['id'],
      indexes: ['(sent_at, id)'],
    }),
  },
  events: [EmailSent, EmailDelivered, EmailBounced],
  fold: (event, rows) => {
    const { outgoingId: id } = event.data
    if (event.type === 'EmailSent') return rows.put('message', { id, sent_at: event.data.sentAt })
    if (event.type === 'EmailDelivered' || event.data.permanent) rows.remove('message', { id })
  },
})

/** Messages that were sent `windowMinutes` ago or earlier, by the database's clock, oldest first. */
export const dueDeliveries =
  (db: Kysely<unknown>) =>
  async (windowMinutes: number, limit: number): Promise<string[]> => {
    const rows = await tablesOf(db, deliveriesDue)
      .selectFrom('message')
      .select('id')
      .where('sent_at', '<=', sql<string>`clock_timestamp() - ${windowMinutes} * interval '1 minute'`)
      .orderBy('sent_at')
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map(({ id }) => id)
  }
