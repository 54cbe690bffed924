import fc from 'fast-check'
import t from 'tap'
import { dayIn, hourOfDay } from '../../../src/domain/analytics/calendar-day.ts'
import { dueDigest } from '../../../src/domain/notifications/due-digest.ts'
import { runs } from '../../support/long-runs.ts'

const HOUR = 3_600_000
const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'America/Santiago',
  'Africa/Casablanca',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Chatham',
  'Pacific/Kiritimati',
  'Pacific/Pago_Pago',
]
/** Around a change of the clocks in most of these zones, and the day that Samoa left out. */
const begins = [
  '2026-03-01',
  '2026-03-26',
  '2026-04-02',
  '2026-09-03',
  '2026-10-22',
  '2026-10-30',
  '2011-12-27',
]

/** Whether the day lasts for an hour and a half from its hour on. */
const isStillOn = (timeZone: string, day: string, due: string): boolean =>
  dayIn(timeZone, new Date(Date.parse(due) + 1.5 * HOUR).toISOString()) === day

t.test(
  'law: one digest for each day of the calendar there, in order, however often it is asked for',
  async () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.constantFrom(...begins),
        fc.integer({ min: 0, max: 23 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 200, maxLength: 200 }),
        (timeZone, begin, hour, minutes) => {
          const from = Date.parse(begin)
          const onSince = new Date(from).toISOString()
          let lastDate: string | null = null
          let lastUntil = ''
          const made: string[] = []
          let at = from
          for (const step of minutes) {
            at += step * 60_000
            const now = new Date(at)
            const due = dueDigest({ timeZone, hour, onSince, lastDate }, now)
            if (due === null) continue
            if (due.date !== dayIn(timeZone, now.toISOString())) return false
            if (due.since >= due.until || due.until > now.toISOString() || due.since < lastUntil) return false
            lastUntil = due.until
            made.push(due.date)
            lastDate = due.date
          }
          // Every day there whose hour came between the beginning and the end has one, and no other day.
          const days = new Set<string>()
          for (let each = from; each <= at; each += HOUR / 4)
            days.add(dayIn(timeZone, new Date(each).toISOString()))
          const expected = [...days].filter((day) => {
            const due = hourOfDay(timeZone, day, hour)
            // Asked for every 90 minutes at most, a digest in the last of them may still be to come, or the day be over.
            return due >= onSince && Date.parse(due) + 1.5 * HOUR < at && isStillOn(timeZone, day, due)
          })
          return (
            made.join() === [...new Set(made)].toSorted().join() &&
            expected.every((day) => made.includes(day))
          )
        },
      ),
      { numRuns: runs(60, 2000) },
    )
  },
)

t.test(
  'an hour that is left out begins when the clocks have passed it, one that comes twice at the first',
  async (t) => {
    t.equal(hourOfDay('Europe/Berlin', '2026-03-29', 2), '2026-03-29T01:00:00.000Z')
    t.equal(hourOfDay('Europe/Berlin', '2026-03-29', 3), '2026-03-29T01:00:00.000Z')
    t.equal(hourOfDay('Europe/Berlin', '2026-10-25', 2), '2026-10-25T00:00:00.000Z')
    t.equal(hourOfDay('Europe/Berlin', '2026-10-25', 3), '2026-10-25T02:00:00.000Z')
    t.equal(hourOfDay('Australia/Lord_Howe', '2026-10-04', 2), '2026-10-03T15:30:00.000Z')
  },
)

t.test('a digest is not made for a day whose hour had passed when it was switched on', async (t) => {
  const reader = { timeZone: 'Europe/Berlin', hour: 8, onSince: '2026-01-05T09:00:00.000Z', lastDate: null }
  t.equal(dueDigest(reader, new Date('2026-01-05T12:00:00.000Z')), null)
  t.equal(dueDigest(reader, new Date('2026-01-06T06:59:59.000Z')), null)
  t.match(dueDigest(reader, new Date('2026-01-06T07:00:00.000Z')), { date: '2026-01-06' })
})
