import fc from 'fast-check'
import t from 'tap'
import { inParallel, tryAll, turns } from '../../src/std/in-parallel.ts'

/** Counts the work in progress; each piece takes the given number of turns of the event loop. */
const counted = () => {
  let now = 0
  let most = 0
  return {
    most: () => most,
    now: () => now,
    work: async (rounds: number): Promise<void> => {
      most = Math.max(most, ++now)
      for (let round = 0; round < rounds; round++) await new Promise(setImmediate)
      now--
    },
  }
}

const rounds = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 12 })
const most = fc.integer({ min: 1, max: 5 })

t.test('all items are processed with limited concurrency, and results are in order', async () => {
  await fc.assert(
    fc.asyncProperty(rounds, most, async (items, limit) => {
      const { work, most: reached } = counted()
      const answers = await inParallel(items, limit, async (item) => {
        await work(item)
        return item * 2
      })
      return (
        reached() === Math.min(limit, items.length) &&
        answers.length === items.length &&
        answers.every((answer, index) => answer === items[index]! * 2)
      )
    }),
  )
})

t.test(
  'after an error no more are started, and it is thrown when those in progress have finished',
  async (t) => {
    const { work, now } = counted()
    const begun: number[] = []
    const working = inParallel([1, 5, 3, 3], 2, async (item) => {
      begun.push(item)
      await work(item)
      if (item === 1) throw new Error('first')
    })
    await t.rejects(working, { message: 'first' })
    t.equal(now(), 0)
    t.same(begun, [1, 5])
  },
)

t.test('with tryAll, errors do not stop the others', async (t) => {
  const done: number[] = []
  const failing = (bad: number[]) =>
    tryAll([1, 2, 3, 4], 2, async (item) => {
      if (bad.includes(item)) throw new Error(`no ${item}`)
      done.push(item)
    })
  await t.rejects(failing([1]), { message: 'no 1' })
  t.same(done, [2, 3, 4])
  await t.rejects(failing([2, 3]), { name: 'AggregateError', message: '2 of 4 failed' })
  t.same(done, [2, 3, 4, 1, 4])
  await failing([])
})

t.test('turns are taken in order, and a failure passes its turn on', async (t) => {
  const { work, most: reached } = counted()
  const turn = turns(2)
  const order: number[] = []
  const outcomes = await Promise.allSettled(
    [3, 1, 1, 2, 1].map((item, index) =>
      turn(async () => {
        order.push(index)
        await work(item)
        if (index % 2 === 0) throw new Error('failed')
      }),
    ),
  )
  t.same(order, [0, 1, 2, 3, 4])
  t.equal(reached(), 2)
  t.same(
    outcomes.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected', 'fulfilled', 'rejected'],
  )
})
