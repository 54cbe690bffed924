import t from 'tap'
import { dayIn, isTimeZone } from '../../../src/domain/analytics/calendar-day.ts'

t.test('a day begins at midnight of its zone, on both sides of a change of clocks', async (t) => {
  for (const [zone, instant, day] of [
    ['Europe/Berlin', '2026-03-28T22:59:59.000Z', '2026-03-28'],
    ['Europe/Berlin', '2026-03-28T23:00:00.000Z', '2026-03-29'],
    ['Europe/Berlin', '2026-03-29T21:59:59.000Z', '2026-03-29'],
    ['Europe/Berlin', '2026-03-29T22:00:00.000Z', '2026-03-30'],
    ['America/New_York', '2026-03-08T04:30:00.000Z', '2026-03-07'],
    ['Asia/Kathmandu', '2026-01-22T18:15:00.000Z', '2026-01-23'],
    ['Pacific/Kiritimati', '2026-12-31T10:00:00.000Z', '2027-01-01'],
    ['UTC', '2026-12-31T23:59:59.999Z', '2026-12-31'],
  ] as const)
    t.equal(dayIn(zone, instant), day, `${zone} ${instant}`)
})

t.test('a zone that is not known here counts as UTC', async (t) => {
  t.equal(dayIn('Nowhere/Land', '2026-01-22T23:30:00.000Z'), '2026-01-22')
})

t.test('only names of the IANA database are time zones, and any other counts as UTC', async (t) => {
  for (const zone of ['Europe/Berlin', 'UTC', 'US/Eastern', 'Etc/GMT+5']) t.ok(isTimeZone(zone), zone)
  for (const zone of ['+0900', '+05:30', '-08:00', '', '9', 'Nowhere/Land']) {
    t.notOk(isTimeZone(zone), zone)
    t.equal(dayIn(zone, '2026-01-22T20:30:00.000Z'), '2026-01-22', zone)
  }
})
