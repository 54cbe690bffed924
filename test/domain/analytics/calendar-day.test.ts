import t from 'tap'
import { dayIn, isTimeZone, quarterOf, spanOfDays } from '../../../src/domain/analytics/calendar-day.ts'

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

t.test(
  'the days of a period are those of its zone from the first quarter of an hour to the last',
  async (t) => {
    for (const [zone, from, to, start, end] of [
      ['UTC', '2026-01-22', '2026-01-22', '2026-01-22T00:00:00.000Z', '2026-01-23T00:00:00.000Z'],
      ['Nowhere/Land', '2026-01-22', '2026-01-22', '2026-01-22T00:00:00.000Z', '2026-01-23T00:00:00.000Z'],
      ['Europe/Berlin', '2026-03-29', '2026-03-29', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
      ['Europe/Berlin', '2026-10-25', '2026-10-25', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
      ['Asia/Kathmandu', '2026-01-22', '2026-01-23', '2026-01-21T18:15:00.000Z', '2026-01-23T18:15:00.000Z'],
      [
        'Pacific/Kiritimati',
        '2026-12-31',
        '2027-01-01',
        '2026-12-30T10:00:00.000Z',
        '2027-01-01T10:00:00.000Z',
      ],
      ['Etc/GMT+12', '2026-12-31', '2026-12-31', '2026-12-31T12:00:00.000Z', '2027-01-01T12:00:00.000Z'],
      // The day that Samoa left out when it changed sides.
      ['Pacific/Apia', '2011-12-29', '2011-12-30', '2011-12-29T10:00:00.000Z', '2011-12-30T10:00:00.000Z'],
    ] as const) {
      const span = spanOfDays(zone, { from, to })
      t.strictSame(span, { start, end }, `${zone} ${from}`)
      t.strictSame([quarterOf(start), quarterOf(end)], [start, end])
    }
    t.equal(quarterOf('2026-01-22T18:29:59.999Z'), '2026-01-22T18:15:00.000Z')
  },
)
