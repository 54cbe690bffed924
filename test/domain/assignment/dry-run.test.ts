import t from 'tap'
import { rehearse, type PastConversation, type PastUser } from '../../../src/domain/assignment/dry-run.ts'
import type { Availability } from '../../../src/domain/assignment/events.ts'

const hour = (n: number): string => new Date(Date.UTC(2026, 2, 2, n)).toISOString()
const conversation = (n: number, doneAt: string | null = null): PastConversation => ({
  conversationId: `thr_${n}`,
  openedAt: hour(n),
  doneAt,
  territory: null,
  product: null,
  belongsTo: null,
})
const user = (userId: string, said: PastUser['said'] = []): PastUser => ({
  userId,
  isKnown: true,
  level: 'full',
  said,
})
const away: Availability = { away: { from: hour(0), until: null, reason: null }, workingHours: null }
const back: Availability = { away: null, workingHours: null }
const rulesFor = (mostOpen: number | null, ...users: string[]) => ({
  rules: [
    { kind: 'round-robin' as const, members: users.map((userId) => ({ userId, weight: 1, mostOpen })) },
  ],
  keepRepliesHours: 0,
})
const outcomes = (...asked: Parameters<typeof rehearse>) => {
  const steps = rehearse(...asked)
  let step = steps.next()
  while (!step.done) step = steps.next()
  return step.value
}
const whose = (...asked: Parameters<typeof rehearse>) => outcomes(...asked).map(({ found }) => found.userId)

t.test('users count as there when they had said so', async (t) => {
  const ann = user('ann', [
    { at: hour(0), availability: away },
    { at: hour(3), availability: back },
  ])
  const all = [1, 2, 3, 4].map((n) => conversation(n))
  t.strictSame(whose(rulesFor(null, 'ann', 'bea'), all, [ann, user('bea')], hour(9)), [
    'bea',
    'bea',
    'ann',
    'ann',
  ])
})

t.test('what nobody was there for is tried again, oldest first', async (t) => {
  const ann = user('ann', [
    { at: hour(0), availability: away },
    { at: hour(5), availability: back },
  ])
  const all = [1, 2, 6].map((n) => conversation(n))
  t.strictSame(whose(rulesFor(null, 'ann'), all, [ann], hour(9)), ['ann', 'ann', 'ann'])
  t.strictSame(whose(rulesFor(2, 'ann'), all, [ann], hour(9)), ['ann', 'ann', null])
})

t.test('a conversation takes room until it was done', async (t) => {
  const all = [conversation(1, hour(2)), conversation(3), conversation(4)]
  t.strictSame(whose(rulesFor(1, 'ann'), all, [user('ann')], hour(9)), ['ann', 'ann', null])
})

t.test('what is alike is not tried one by one while nobody is there', async (t) => {
  let tries = 0
  const all = Array.from({ length: 1_000 }, (_, n) => ({
    ...conversation(n),
    get belongsTo() {
      tries++
      return null
    },
  }))
  const ann = user('ann', [{ at: hour(0), availability: away }])
  t.ok(outcomes(rulesFor(null, 'ann'), all, [ann], hour(2_000)).every(({ found }) => found.userId === null))
  t.ok(tries < 10 * all.length, `${tries} tries`)
})
