import fc from 'fast-check'
import t from 'tap'
import {
  alwaysAvailable,
  isAway,
  isAwayLonger,
  isWorking,
} from '../../../src/domain/assignment/availability.ts'
import { availability, weekdays } from '../../../src/domain/assignment/events.ts'

const nineToFive = (timeZone: string) => ({
  timeZone,
  days: weekdays.slice(0, 5).map((day) => ({ day, from: '09:00', to: '17:00' })),
})

t.test('working hours follow the clock on the wall across a change of daylight saving time', async (t) => {
  const berlin = nineToFive('Europe/Berlin')
  // Friday in winter time, Monday in summer time: the change was on 29 March 2026.
  t.notOk(isWorking(berlin, '2026-03-27T07:59:00.000Z'))
  t.ok(isWorking(berlin, '2026-03-27T08:00:00.000Z'))
  t.ok(isWorking(berlin, '2026-03-27T15:59:59.000Z'))
  t.notOk(isWorking(berlin, '2026-03-27T16:00:00.000Z'))
  t.notOk(isWorking(berlin, '2026-03-30T06:59:00.000Z'))
  t.ok(isWorking(berlin, '2026-03-30T07:00:00.000Z'))
  t.notOk(isWorking(berlin, '2026-03-30T15:00:00.000Z'))
  // And back: 25 October 2026. In the United States a week later.
  t.ok(isWorking(berlin, '2026-10-23T07:00:00.000Z'))
  t.notOk(isWorking(berlin, '2026-10-26T07:00:00.000Z'))
  t.ok(isWorking(berlin, '2026-10-26T08:00:00.000Z'))
  t.ok(isWorking(nineToFive('America/New_York'), '2026-10-26T13:00:00.000Z'))
  t.notOk(isWorking(nineToFive('America/New_York'), '2026-11-02T13:00:00.000Z'))
  t.ok(isWorking(nineToFive('America/New_York'), '2026-11-02T14:00:00.000Z'))
})

t.test('an hour that comes twice is within working hours twice, and one that is skipped never', async (t) => {
  const night = (from: string, to: string) => ({
    timeZone: 'Europe/Berlin',
    days: [{ day: 'sunday' as const, from, to }],
  })
  const minutesWithin = (hours: Parameters<typeof isWorking>[0], begin: string) =>
    Array.from({ length: 24 * 60 }, (_, n) => new Date(Date.parse(begin) + n * 60_000).toISOString()).filter(
      (at) => isWorking(hours, at),
    ).length
  t.equal(minutesWithin(night('02:00', '03:00'), '2026-10-24T22:00:00.000Z'), 120)
  t.equal(minutesWithin(night('02:00', '03:00'), '2026-03-28T23:00:00.000Z'), 0)
  t.equal(minutesWithin(night('00:00', '24:00'), '2026-03-28T23:00:00.000Z'), 23 * 60)
})

t.test('the day is that of the zone', async (t) => {
  const auckland = {
    timeZone: 'Pacific/Auckland',
    days: [{ day: 'monday' as const, from: '08:00', to: '09:00' }],
  }
  t.ok(isWorking(auckland, '2026-06-14T20:30:00.000Z'), 'Monday there, Sunday in UTC')
  t.notOk(isWorking(auckland, '2026-06-15T20:30:00.000Z'))
})

t.test('away begins and ends at an instant', async (t) => {
  const away = { from: '2026-03-01T00:00:00.000Z', until: '2026-03-10T00:00:00.000Z', reason: null }
  const of = { ...alwaysAvailable, away }
  t.notOk(isAway(of, '2026-02-28T23:59:59.999Z'))
  t.ok(isAway(of, '2026-03-01T00:00:00.000Z'))
  t.notOk(isAway(of, '2026-03-10T00:00:00.000Z'))
  t.ok(isAwayLonger(of, '2026-03-08T23:00:00.000Z', 24))
  t.notOk(isAwayLonger(of, '2026-03-09T01:00:00.000Z', 24))
  t.ok(isAwayLonger({ ...of, away: { ...away, until: null } }, '2026-03-09T01:00:00.000Z', 8760))
})

t.test('a zone that is not known here counts as UTC', async (t) => {
  t.ok(isWorking(nineToFive('Mars/Olympus'), '2026-03-27T09:00:00.000Z'))
})

t.test('what cannot be is refused', async (t) => {
  const parse = (value: unknown) => availability.safeParse(value).success
  const days = [{ day: 'monday', from: '09:00', to: '17:00' }]
  t.ok(parse({ away: null, workingHours: { timeZone: 'Asia/Kolkata', days } }))
  t.notOk(parse({ away: null, workingHours: { timeZone: '+05:30', days } }))
  t.notOk(parse({ away: null, workingHours: { timeZone: 'UTC', days: [{ ...days[0], to: '09:00' }] } }))
  t.notOk(parse({ away: null, workingHours: { timeZone: 'UTC', days: [{ ...days[0], to: '25:00' }] } }))
  const from = '2026-03-01T00:00:00.000Z'
  t.notOk(parse({ away: { from, until: from, reason: null }, workingHours: null }))
})

t.test('every minute of a week is within hours that cover it, in every zone', async () => {
  const zones = Intl.supportedValuesOf('timeZone')
  const always = weekdays.map((day) => ({ day, from: '00:00', to: '24:00' }))
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }),
      (timeZone, at) => isWorking({ timeZone, days: always }, at.toISOString()),
    ),
  )
})
