import fc from 'fast-check'
import t from 'tap'
import { nextAttempt, TRIED_FOR_MS } from '../../../src/domain/webhooks/retries.ts'

const firstAt = new Date('2026-11-28T00:00:00Z')
const HOUR = 3_600_000

t.test('a delivery is tried at growing pauses for three days, and then not any more', async (t) => {
  const all = fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (chances) => {
    let now = firstAt
    const pauses: number[] = []
    for (let attempts = 1; attempts < 100; attempts++) {
      const next = nextAttempt({ attempts, firstAt, now, askedMs: null }, chances.next().value)
      if (next === null) break
      pauses.push(next.getTime() - now.getTime())
      now = next
    }
    const lasted = now.getTime() - firstAt.getTime()
    return (
      pauses[0]! <= 6000 &&
      pauses.every(
        (pause, index) => pause <= 12 * HOUR && (index === 0 || pause >= pauses[index - 1]! / 2),
      ) &&
      lasted >= TRIED_FOR_MS &&
      lasted < TRIED_FOR_MS + 12 * HOUR
    )
  })
  fc.assert(all)
  t.pass()
})

t.test('what the receiver asks for is heeded, within a day', async (t) => {
  const failed = (askedMs: number) => ({ attempts: 1, firstAt, now: firstAt, askedMs })
  t.same(nextAttempt(failed(2 * HOUR), 0.5), new Date(firstAt.getTime() + 2 * HOUR))
  t.same(nextAttempt(failed(1000 * HOUR), 0.5), new Date(firstAt.getTime() + 24 * HOUR))
  t.same(nextAttempt(failed(0), 0.5), new Date(firstAt.getTime() + 5000))
})
