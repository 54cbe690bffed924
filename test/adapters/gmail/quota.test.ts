import fc from 'fast-check'
import t from 'tap'
import { fullBucket, takeFrom } from '../../../src/adapters/gmail/quota.ts'

const RATE = 4500

t.test('in no minute more is used than the rate and a third of it, and nobody waits for ever', async (t) => {
  const calls = fc.array(fc.record({ units: fc.constantFrom(1, 2, 5, 20, 100), afterMs: fc.nat(3000) }), {
    maxLength: 500,
  })
  fc.assert(
    fc.property(calls, (asked) => {
      let bucket = fullBucket(RATE, 0)
      let now = 0
      const used: { at: number; units: number }[] = []
      for (const { units, afterMs } of asked) {
        now += afterMs
        const taken = takeFrom(bucket, units, RATE, now)
        bucket = taken.bucket
        used.push({ at: now + taken.waitMs, units })
      }
      return used.every(({ at }) => {
        const within = used.filter((each) => each.at >= at && each.at < at + 60_000)
        return within.reduce((sum, { units }) => sum + units, 0) <= RATE + RATE / 3 + 100
      })
    }),
  )
  t.pass()
})
