import t from 'tap'
import { isNearlyFull } from '../../../src/domain/sync/mailbox-storage.ts'

t.test('a mailbox is nearly full from nine tenths on, and until it has some room again', async (t) => {
  const isFull = (used: number, was: boolean) => isNearlyFull({ used, limit: 1000 }, was)
  t.same(
    [899, 900, 1200].map((used) => isFull(used, false)),
    [false, true, true],
  )
  t.same(
    [900, 850, 849].map((used) => isFull(used, true)),
    [true, true, false],
  )
})
