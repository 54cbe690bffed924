import type { Kysely } from 'kysely'
import { dayIn } from '../../domain/analytics/calendar-day.ts'
import { OrganizationRecorded } from '../../domain/directory/events.ts'
import { EmailSent } from '../../domain/sending/events.ts'
import { date, integer, projection, table, tablesOf, text } from '../projection.ts'

/** Emails, each on the day on which a server first took it. Days begin and end in the organisation's zone: in the one that held when the message was sent. */
export const sendCounters = projection({
  name: 'send-counters',
  version: 2,
  tables: {
    zone: table({ columns: { id: text, name: text }, key: ['id'] }),
    sent: table({
      columns: { account_id: text, day: date, count: integer },
      key: ['account_id', 'day'],
      indexes: ['(day)'],
    }),
  },
  events: [EmailSent, OrganizationRecorded],
  fold: (event, rows) => {
    if (event.type === 'OrganizationRecorded')
      return rows.put('zone', { id: 'main', name: event.data.organization.timeZone })
    if (!event.data.first) return
    const zone = rows.get('zone', { id: 'main' })?.name ?? 'UTC'
    const key = { account_id: event.data.accountId, day: dayIn(zone, event.data.sentAt) }
    rows.put('sent', { ...key, count: (rows.get('sent', key)?.count ?? 0) + 1 })
  },
})

/** Messages that servers took from us today, of all accounts and of each that sent any. */
export const sentToday =
  (db: Kysely<unknown>) =>
  async (
    now: Date,
  ): Promise<{ day: string; timeZone: string; total: number; byAccount: Record<string, number> }> => {
    const tables = tablesOf(db, sendCounters)
    const zone = await tables.selectFrom('zone').select('name').executeTakeFirst()
    const timeZone = zone?.name ?? 'UTC'
    const day = dayIn(timeZone, now.toISOString())
    const rows = await tables
      .selectFrom('sent')
      .select(['account_id', 'count'])
      .where('day', '=', day)
      .execute()
    return {
      day,
      timeZone,
      total: rows.reduce((sum, { count }) => sum + count, 0),
      byAccount: Object.fromEntries(rows.map((row) => [row.account_id, row.count])),
    }
  }
