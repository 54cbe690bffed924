import { Kysely, PostgresDialect } from 'kysely'
import t from 'tap'
import { postgresEventStore } from '../../../src/adapters/postgres/event-log/event-store.ts'
import { postgresLeases } from '../../../src/adapters/postgres/leases.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { projectionRunner } from '../../../src/adapters/postgres/projections/run/runner.ts'
import { newEvent } from '../../../src/commands/handle.ts'
import { OrganizationRecorded } from '../../../src/domain/directory/events.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { analyticsQueries } from '../../../src/projections/analytics/analytics.ts'
import { engagement } from '../../../src/projections/analytics/engagement.ts'
import { figuresToday, findSyncFigures, syncStatus } from '../../../src/projections/sync/sync-status.ts'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { idOf } from '../../support/example-emails.ts'
import { callerNow } from '../../support/mailbox-to-sync.ts'
import { sentEmail } from '../../support/sent-email.ts'
import { testDatabase } from '../../support/test-database.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)
const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
const store = postgresEventStore(pool)
t.teardown(() => store.close())
const runner = projectionRunner({
  store,
  pool,
  leases: postgresLeases(pool, { owner: 'test' }),
  projections: [syncStatus, engagement],
  log: { info: () => {}, error: (fields: object, message: string) => console.error(fields, message) },
})
const stopping = new AbortController()
const running = runner.start(stopping.signal)
t.teardown(async () => {
  stopping.abort()
  await running
})

const accountId = idOf('acc', 1)
const append = async (stream: string, ...events: DomainEvent[]) => {
  const { length } = await store.readStream(stream)
  await store.append({
    stream,
    expected: length === 0 ? 'no_stream' : length - 1,
    events: events.map((event) =>
      newEvent(event, crypto.randomUUID(), callerNow(), new Date().toISOString()),
    ),
  })
}
const moveTo = (timeZone: string) =>
  append('organization-main', OrganizationRecorded({ organization: { name: 'Acme', timeZone } }))

/** How many emails each place says were sent today. */
const sentToday = async (now: Date) => {
  for (const { name } of [syncStatus, engagement])
    t.ok(await runner.waitFor(name, (await store.head())!, 30_000))
  const { engagementReport, lastDays } = analyticsQueries(db, { usableAccounts: async () => [] })
  const { totals, timeZone } = await engagementReport({ ...(await lastDays(1, now)), userId: null })
  const footer = await figuresToday(db)(null, now)
  const page = await findSyncFigures(db)(accountId, now)
  return {
    zones: [...new Set([timeZone, footer.timeZone, page?.timeZone])],
    sent: [footer.sent, page?.statistics.todaysSends, totals.sent],
  }
}

// Of every half hour from noon to the midnight after next.
const first = Date.parse('2026-04-03T12:00:00.000Z')
const times = Array.from({ length: 72 }, (_, n) => new Date(first + n * 1_800_000 + 1000))
await seedAccounts(t, pool, [{ n: 1, owner: { kind: 'team' } }])
for (const [n, time] of times.entries()) {
  const email = sentEmail(n)
  await append(`outgoing-${email.outgoingId}`, email.queued, email.sent(time.toISOString()))
}

t.test(
  'the list, the sync status and the report count the same day, after each change of zone too',
  async (t) => {
    const now = new Date('2026-04-04T14:20:00.000Z')
    const zones = [
      'UTC',
      'Pacific/Kiritimati',
      'Asia/Kathmandu',
      'Australia/Lord_Howe',
      'America/St_Johns',
      'UTC',
    ]
    for (const zone of zones) {
      await moveTo(zone)
      const dayOf = (time: Date) => time.toLocaleDateString('en-GB', { timeZone: zone })
      const sent = times.filter((time) => dayOf(time) === dayOf(now)).length
      t.strictSame(await sentToday(now), { zones: [zone], sent: [sent, sent, sent] }, zone)
    }
  },
)
