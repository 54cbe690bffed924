import t from 'tap'
import { readTogether, startAhead } from '../../src/std/in-groups.ts'

t.test('what is asked for in one turn is read together, and each asker is told its own', async (t) => {
  const reads: number[][] = []
  const read = readTogether((keys: readonly number[]) => {
    reads.push([...keys])
    return Promise.resolve(keys.map((key) => key * 10))
  }, 3)
  t.same(await Promise.all([1, 2, 1, 4].map(read)), [10, 20, 10, 40])
  t.equal(await read(5), 50)
  t.same(reads, [[1, 2, 1], [4], [5]])
})

t.test('a read that fails is told to all who asked for it, and to nobody else', async (t) => {
  const read = readTogether(
    (keys: readonly string[]) =>
      keys.includes('bad') ? Promise.reject(new Error('away')) : Promise.resolve(keys),
    2,
  )
  const told = await Promise.allSettled(['bad', 'with it', 'other'].map(read))
  t.match(told, [{ reason: { message: 'away' } }, { reason: { message: 'away' } }, { value: 'other' }])
  t.equal(await read('later'), 'later')
})

t.test('items are started group by group, one group ahead of the one that is asked for', async (t) => {
  const started: number[] = []
  const items = Array.from({ length: 8 }, (_, n) => n)
  const ahead = startAhead(items, 3, (item) => {
    started.push(item)
    return item === 4 ? Promise.reject(new Error('four')) : Promise.resolve(item * 10)
  })
  t.equal(await ahead(0), 0)
  t.same(started, [0, 1, 2, 3, 4, 5])
  t.same(await Promise.all([ahead(1), ahead(2)]), [10, 20])
  t.equal(started.length, 6)
  t.equal(await ahead(3), 30)
  t.same(started, items)
  await t.rejects(ahead(4), { message: 'four' })
  t.throws(() => ahead(3), TypeError)
})
