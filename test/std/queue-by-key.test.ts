import fc from 'fast-check'
import t from 'tap'
import { queueByKey } from '../../src/std/queue-by-key.ts'

type Item = { readonly by: string; readonly n: number }

t.test('keys take turns, and the items of each come in their order', async (t) => {
  const queue = queueByKey<Item>()
  const items = ['a', 'a', 'a', 'b', 'a', 'c', 'b'].map((by, n) => ({ by, n }))
  for (const item of items) queue.add(item)
  t.equal(queue.size(), 7)
  const first = queue.take()
  t.same(first, { by: 'a', n: 0 })
  queue.remove(items[2]!)
  queue.putBack([first!])
  const order = Array.from({ length: 6 }, () => queue.take())
  t.same(
    order.map((item) => `${item?.by}${item?.n}`),
    ['b3', 'c5', 'a0', 'b6', 'a1', 'a4'],
  )
  t.equal(queue.take(), undefined)
  t.equal(queue.size(), 0)
})

t.test('nobody with one item waits for more than one item of each other', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 40 }), (keys) => {
      const queue = queueByKey<Item>()
      keys.forEach((by, n) => queue.add({ by, n }))
      queue.add({ by: 'late', n: -1 })
      let before = 0
      while (queue.take()?.by !== 'late') before++
      return before <= 3
    }),
  )
  t.pass()
})
