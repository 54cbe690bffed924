import t from 'tap'
import { within } from '../../src/std/within.ts'

const NEVER_MS = 600_000
const unasked = () => {
  throw new Error('It is not late')
}
const never = () => new Promise<never>(() => {})

t.test('work that finishes in time returns its result', async (t) => {
  t.equal(await within(Promise.resolve('done'), NEVER_MS, unasked), 'done')
  await t.rejects(within(Promise.reject(new Error('failed')), NEVER_MS, unasked), { message: 'failed' })
})

t.test('work that takes too long returns the substitute, or throws its error', async (t) => {
  t.equal(await within(never(), 1, () => 'late'), 'late')
  await t.rejects(
    within(never(), -1, () => {
      throw new Error('too late')
    }),
    { message: 'too late' },
  )
})

t.test('a late failure, when nobody waits any more, is no unhandled error', async (t) => {
  const { promise, reject } = Promise.withResolvers<never>()
  await within(promise, 1, () => null)
  reject(new Error('late failure'))
  // An unhandled rejection would end the process, and the test with it.
  await new Promise(setImmediate)
  t.pass()
})
