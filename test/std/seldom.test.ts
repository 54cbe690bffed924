import t from 'tap'
import { seldom } from '../../src/std/seldom.ts'

t.test(
  'what keeps happening is told at once, and then now and then with how often it happened',
  async (t) => {
    let now = 0
    const told: [string, number][] = []
    const tell = seldom<string>(
      1000,
      (what, times) => told.push([what, times]),
      () => now,
    )
    for (const at of [0, 10, 20, 999, 1000, 1500, 5000]) {
      now = at
      tell(`at ${at}`)
    }
    t.same(told, [
      ['at 0', 1],
      ['at 1000', 4],
      ['at 5000', 2],
    ])
  },
)
