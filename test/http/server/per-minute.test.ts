import t from 'tap'
import { perMinute } from '../../../src/http/server/limits.ts'

t.test('a count runs for a minute from its first, and then begins anew', async (t) => {
  let now = Date.parse('2026-01-01T00:00:30.000Z')
  const counter = perMinute(2, () => new Date(now))
  t.same(counter.left('a'), { remaining: 2, seconds: 60 })
  counter.count('a')
  now += 20_500
  counter.count('a')
  counter.count('a')
  t.same(counter.left('a'), { remaining: 0, seconds: 40 })
  t.same(counter.left('b'), { remaining: 2, seconds: 60 })
  now += 39_499
  t.same(counter.left('a'), { remaining: 0, seconds: 1 })
  now += 1
  t.same(counter.left('a'), { remaining: 2, seconds: 60 })
})

t.test('a clock that is set back makes no minute longer', async (t) => {
  let now = Date.parse('2026-01-01T12:00:00.000Z')
  const counter = perMinute(1, () => new Date(now))
  counter.count('a')
  now -= 3_600_000
  t.same(counter.left('a'), { remaining: 1, seconds: 60 })
  counter.count('a')
  t.same(counter.left('a'), { remaining: 0, seconds: 60 })
})

t.test(
  'names without end take no memory without end, and those that are counted most lately stay',
  async (t) => {
    const counter = perMinute(1, () => new Date(0))
    for (let number = 0; number < 30_000; number++) counter.count(`address ${number}`)
    t.equal(counter.left('address 0').remaining, 1)
    t.equal(counter.left('address 29999').remaining, 0)
  },
)
