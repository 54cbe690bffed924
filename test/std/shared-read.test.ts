import { mock } from 'node:test'
import t from 'tap'
import { sharedRead } from '../../src/std/shared-read.ts'

t.test('a read is made once for all who ask in time, by what they ask for, and again after', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let reads = 0
  const read = sharedRead(
    (id: string, version: number) => Promise.resolve(`${id} ${version} ${++reads}`),
    100,
  )
  t.same(await Promise.all([read('a', 1), read('a', 1)]), ['a 1 1', 'a 1 1'])
  mock.timers.tick(99)
  t.same([await read('a', 1), await read('a', 2), await read('a 2', 1)], ['a 1 1', 'a 2 2', 'a 2 1 3'])
  mock.timers.tick(1)
  t.equal(await read('a', 1), 'a 1 4', 'its time is over')
})

t.test('a read that fails is told to all who wait for it, and not kept', async (t) => {
  let reads = 0
  const read = sharedRead(async (id: string) => {
    if (++reads === 1) throw new Error('away')
    return id
  }, 60_000)
  const [first, second] = await Promise.allSettled([read('a'), read('a')])
  t.match([first, second], [{ reason: { message: 'away' } }, { reason: { message: 'away' } }])
  t.equal(await read('a'), 'a')
  t.equal(reads, 2)
})
