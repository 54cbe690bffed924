import t from 'tap'
import { OrganizationRecorded } from '../../../src/domain/directory/events.ts'
import { analyticsQueries } from '../../../src/projections/analytics/analytics.ts'
import { engagement } from '../../../src/projections/analytics/engagement.ts'
import { figuresToday, findSyncFigures, syncStatus } from '../../../src/projections/sync/sync-status.ts'
import { nothingVisible } from '../../../src/domain/visibility.ts'
import { accountId, connected } from '../../support/example-sync-events.ts'
import { followedLog } from '../../support/followed-log.ts'
import { sentEmail } from '../../support/sent-email.ts'

const { db, append, caughtUp } = await followedLog(t, [syncStatus, engagement])

const moveTo = (timeZone: string) =>
  append({
    ...OrganizationRecorded({ organization: { name: 'Acme', timeZone, ...nothingVisible } }),
    envelope: { stream: 'organization-main' },
  })

/** How many emails each place says were sent today. */
const sentToday = async (now: Date) => {
  await caughtUp()
  const { engagementReport, lastDays } = analyticsQueries(db, { visibleAccounts: async () => 'all' })
  const { totals, timeZone } = await engagementReport({ ...(await lastDays(1, now)), userId: null })
  const footer = await figuresToday(db)(null, now)
  const page = await findSyncFigures(db)(accountId, now)
  return {
    zones: [...new Set([timeZone, footer.timeZone, page?.timeZone])],
    sent: [footer.sent, page?.statistics.todaysSends, totals.sent],
  }
}

// Every half hour from noon to the midnight after next.
const first = Date.parse('2026-04-03T12:00:00.000Z')
const times = Array.from({ length: 72 }, (_, n) => new Date(first + n * 1_800_000 + 1000))
await append(
  { ...connected(), envelope: { stream: `account-${accountId}` } },
  ...times.flatMap((time, n) => {
    const email = sentEmail(n)
    return [email.queued, email.sent(time.toISOString())]
  }),
)

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
