import fc from 'fast-check'
import t from 'tap'
import {
  afterNotified,
  bundlesAt,
  nothingWaits,
  tellAt,
  withCause,
  type Waiting,
} from '../../../src/domain/notifications/gathering.ts'
import { runs } from '../../support/long-runs.ts'

const MINUTE = 60_000
const instant = (ms: number): string => new Date(ms).toISOString()
const position = (n: number): string => String(n).padStart(9, '0')

t.test('law: each thing is told once, and of one kind at most three times in five minutes', async () => {
  const steps = fc.array(
    fc.record({ pauseMs: fc.nat(3 * MINUTE), things: fc.nat(6), isToldLate: fc.boolean() }),
    {
      maxLength: 60,
    },
  )
  fc.assert(
    fc.property(steps, (all) => {
      let waiting: Waiting = nothingWaits
      let [now, things, told] = [Date.UTC(2026, 0, 5), 0, 0]
      const toldAt: number[] = []
      const tellWhatIsDue = () => {
        const at = tellAt(waiting)
        if (at === null || Date.parse(at) > now) return
        for (const { gathered, upTo } of bundlesAt(waiting, new Date(now))) {
          waiting = afterNotified(waiting, { gathered, upTo, at: instant(now) })
          told += gathered
          toldAt.push(now)
        }
      }
      for (const { pauseMs, things: count, isToldLate } of all) {
        now += pauseMs
        for (let n = 0; n < count; n++) {
          things++
          waiting = withCause(waiting, {
            position: position(things),
            at: instant(now),
            about: {},
            channels: ['feed'],
          })
        }
        if (!isToldLate) tellWhatIsDue()
      }
      now += 10 * MINUTE
      tellWhatIsDue()
      const isTooOften = toldAt.some((at, n) => n >= 3 && at - toldAt[n - 3]! < 5 * MINUTE)
      return told === things && waiting.count === 0 && !isTooOften
    }),
    { numRuns: runs(300, 5000) },
  )
})

t.test(
  'few things are named one by one, many are counted, and what was told does not come again',
  async (t) => {
    const cause = (n: number) => {
      return {
        position: position(n),
        at: instant(n),
        about: { messageId: `m${n}` },
        channels: ['feed'] as const,
      }
    }
    const few = [1, 2].map(cause).reduce(withCause, nothingWaits)
    t.match(bundlesAt(few, new Date(9)), [{ gathered: 1, about: { messageId: 'm1' } }, { gathered: 1 }])
    const many = [1, 2, 3, 4].map(cause).reduce(withCause, nothingWaits)
    t.same(bundlesAt(many, new Date(9)), [{ gathered: 4, upTo: position(4), about: {} }])
    const after = afterNotified(few, { gathered: 2, upTo: position(2), at: instant(5) })
    t.equal(withCause(after, cause(2)).count, 0)
    t.equal(withCause(after, cause(3)).count, 1)
  },
)

t.test('what has waited for more than a day is not told with what comes then', async (t) => {
  const hour = 60 * MINUTE
  const cause = (n: number, hours: number) => ({
    position: position(n),
    at: instant(Date.UTC(2026, 0, 5) + hours * hour),
    about: {},
    channels: ['feed' as const],
  })
  const history = [0, 10, 20].reduce((waiting, hours, n) => withCause(waiting, cause(n, hours)), nothingWaits)
  t.equal(history.count, 3, 'that of a night without the service is')
  t.match(withCause(history, cause(3, 30)), { count: 1, since: cause(3, 30).at })
})

t.test('three that were told long ago do not make what comes then any older', async (t) => {
  const at = instant(Date.UTC(2026, 0, 5))
  const toldAt = [1, 2, 3].map((day) => instant(Date.UTC(2026, 0, day)))
  const waiting = withCause({ ...nothingWaits, toldAt }, { position: '1', at, about: {}, channels: ['feed'] })
  t.equal(tellAt(waiting), at)
})
