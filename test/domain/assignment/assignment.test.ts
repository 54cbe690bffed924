import fc from 'fast-check'
import t from 'tap'
import {
  assignment,
  type AssignmentCommand,
  type ToAssign,
} from '../../../src/domain/assignment/assignment.ts'
import { alwaysAvailable } from '../../../src/domain/assignment/availability.ts'
import type { Availability, Member, PickEvent } from '../../../src/domain/assignment/events.ts'
import type { UserFacts } from '../../../src/domain/assignment/standing.ts'
import { holdDeciderLaws } from '../../support/decider-laws.ts'
import { runs } from '../../support/long-runs.ts'

const accountId = 'acc_00000000000000000000000000'
const at = '2026-03-02T10:00:00.000Z'
const conversation = (n: number, facts: Partial<ToAssign> = {}): ToAssign => ({
  conversationId: `thr_${String(n).padStart(26, '0')}`,
  territory: null,
  product: null,
  belongsTo: null,
  left: null,
  ...facts,
})
const user = (userId: string, facts: Partial<UserFacts> = {}): UserFacts => ({
  userId,
  isKnown: true,
  level: 'full',
  availability: alwaysAvailable,
  open: 0,
  ...facts,
})
const member = (userId: string, weight = 1, mostOpen: number | null = null): Member => ({
  userId,
  weight,
  mostOpen,
})
const away: Availability = {
  away: { from: '2026-03-01T00:00:00.000Z', until: null, reason: null },
  workingHours: null,
}
const command = (of: Partial<AssignmentCommand>): AssignmentCommand => ({
  do: 'assign',
  accountId,
  rules: { rules: [], keepRepliesHours: 24 },
  rulesRevision: 0,
  conversations: [],
  users: [],
  at,
  factsAt: 'p:1',
  ...of,
})
const decide = (of: Partial<AssignmentCommand>, state = assignment.initial): PickEvent[] =>
  assignment.decide(command(of), state)
const roundRobin = (...members: Member[]) => ({ kind: 'round-robin' as const, members })
const rulesOf = (...rules: AssignmentCommand['rules']['rules']) => ({ rules, keepRepliesHours: 24 })
const takersOf = (events: readonly PickEvent[]): (string | null)[] =>
  events.map((event) => (event.type === 'ConversationPicked' ? event.data.userId : null))

const weights = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 })

t.test('the decider holds the laws', async () => {
  const arbitrary = fc.record({
    do: fc.constant('assign' as const),
    accountId: fc.constant(accountId),
    rules: weights.map((list) => rulesOf(roundRobin(...list.map((weight, n) => member(`u${n}`, weight, 5))))),
    rulesRevision: fc.integer({ min: 0, max: 2 }),
    conversations: fc.array(
      fc.nat(30).map((n) => conversation(n)),
      { maxLength: 5 },
    ),
    users: fc.array(fc.nat(8), { maxLength: 8 }).map((list) => list.map((n) => user(`u${n}`, { open: n }))),
    at: fc.constant(at),
    factsAt: fc.constant('p:1'),
  })
  holdDeciderLaws(assignment, arbitrary)
})

t.test(
  'whatever the capacities, shares differ by at most 1 per unit of capacity, at every moment',
  async () => {
    const property = fc.property(
      weights,
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 40 }),
      (list, count, batch) => {
        const members = list.map((weight, n) => member(`u${n}`, weight))
        const users = members.map(({ userId }) => user(userId))
        const taken = new Map<string, number>()
        let state = assignment.initial
        for (let n = 0; n < count; n += batch) {
          const conversations = Array.from({ length: batch }, (_, m) => conversation(n + m))
          for (const event of decide(
            { rules: rulesOf(roundRobin(...members)), conversations, users },
            state,
          )) {
            state = assignment.evolve(state, event)
            const taker = takersOf([event])[0]!
            taken.set(taker, (taken.get(taker) ?? 0) + 1)
            const shares = members.map(({ userId, weight }) => (taken.get(userId) ?? 0) / weight)
            if (Math.max(...shares) - Math.min(...shares) > 1) return false
          }
        }
        return true
      },
    )
    fc.assert(property, { numRuns: runs(100, 2_000) })
  },
)

t.test('nobody who is away, outside working hours, full, gone or without access is chosen', async () => {
  const facts = fc.record({
    isKnown: fc.boolean(),
    level: fc.constantFrom('full', 'send', 'read', null),
    availability: fc.constantFrom<Availability>(alwaysAvailable, away, {
      away: null,
      workingHours: { timeZone: 'Europe/Berlin', days: [{ day: 'monday', from: '12:00', to: '17:00' }] },
    }),
    open: fc.nat(4),
  })
  const territories = [{ territory: 'North', users: ['u0', 'u1', 'u2'] }]
  const asked = fc.array(fc.constantFrom('North', null), { maxLength: 20 })
  const property = fc.property(fc.array(facts, { maxLength: 6 }), asked, (list, wanted) => {
    const users = list.map((each, n) => user(`u${n}`, each))
    const members = Array.from({ length: 6 }, (_, n) => member(`u${n}`, n + 1, 4))
    const rules = rulesOf({ kind: 'territory', territories }, roundRobin(...members))
    const conversations = wanted.map((territory, n) => conversation(n, { territory }))
    const events = decide({ rules, users, conversations })
    const picked = takersOf(events)
    const isFit = ({ isKnown, level, availability }: UserFacts) =>
      isKnown && level === 'full' && availability === alwaysAvailable
    const fit = new Map(users.filter(isFit).map(({ userId, open }) => [userId, open]))
    for (const [index, taker] of picked.entries()) {
      const among = wanted[index] === null ? [...fit.keys()] : ['u0', 'u1', 'u2']
      const free = among.filter((id) => (fit.get(id) ?? 4) < 4)
      if (taker === null ? free.length > 0 : !free.includes(taker)) return false
      if (taker !== null) fit.set(taker, fit.get(taker)! + 1)
    }
    return events.length === conversations.length
  })
  fc.assert(property, { numRuns: runs(300, 5_000) })
})

t.test('batches make no difference', async () => {
  const property = fc.property(
    weights,
    fc.array(fc.integer({ min: 1, max: 10 }), { maxLength: 20 }),
    (list, batches) => {
      const members = list.map((weight, n) => member(`u${n}`, weight))
      const of = { rules: rulesOf(roundRobin(...members)), users: members.map(({ userId }) => user(userId)) }
      const count = batches.reduce((sum, batch) => sum + batch, 0)
      const all = Array.from({ length: count }, (_, n) => conversation(n))
      let state = assignment.initial
      let done = 0
      const parts = batches.flatMap((batch) => {
        const events = decide({ ...of, conversations: all.slice(done, (done += batch)) }, state)
        state = events.reduce(assignment.evolve, state)
        return events
      })
      return JSON.stringify(parts) === JSON.stringify(decide({ ...of, conversations: all }))
    },
  )
  fc.assert(property, { numRuns: 100 })
})

t.test('turns alternate evenly', async (t) => {
  const rules = rulesOf(roundRobin(member('a', 4), member('b', 2), member('c', 1)))
  const conversations = Array.from({ length: 14 }, (_, n) => conversation(n))
  const events = decide({ rules, users: ['a', 'b', 'c'].map((id) => user(id)), conversations })
  t.equal(takersOf(events).join(''), 'abacabaabacaba')
})

t.test('who comes back does not get everything that came meanwhile', async (t) => {
  const rules = rulesOf(roundRobin(member('a'), member('b')))
  const while1 = Array.from({ length: 10 }, (_, n) => conversation(n))
  const events = decide({
    rules,
    users: [user('a'), user('b', { availability: away })],
    conversations: while1,
  })
  t.same(takersOf(events), Array(10).fill('a'))
  t.match(events[0]?.data, { passedOver: [{ userId: 'b', why: 'away' }] })
  const state = events.reduce(assignment.evolve, assignment.initial)
  const after = decide({ rules, users: [user('a'), user('b')], conversations: while1 }, state)
  t.equal(takersOf(after).filter((id) => id === 'b').length, 5)
})

t.test('territory and product narrow down in their order', async (t) => {
  const territory = {
    kind: 'territory' as const,
    territories: [
      { territory: 'North', users: ['a', 'b'] },
      { territory: 'South', users: ['c'] },
    ],
  }
  const product = { kind: 'product' as const, products: [{ product: 'Mail', users: ['b', 'd'] }] }
  const users = ['a', 'b', 'c', 'd'].map((id) => user(id))
  const everybody = roundRobin(member('a'), member('b'), member('c'), member('d'))
  const whose = (rules: AssignmentCommand['rules']['rules'], facts: Partial<ToAssign>) =>
    decide({ rules: rulesOf(...rules), users, conversations: [conversation(1, facts)] })[0]?.data
  const both = { territory: 'North', product: 'Mail' }
  t.match(whose([territory, product, everybody], both), {
    userId: 'b',
    rule: 'product',
    detail: 'territory North, product Mail, round robin',
  })
  t.match(whose([territory, product, everybody], { territory: 'South', product: 'Mail' }), {
    userId: 'c',
    rule: 'territory',
  })
  t.match(whose([product, territory, everybody], { territory: 'South', product: 'Mail' }), {
    userId: 'b',
    rule: 'round-robin',
    detail: 'product Mail, round robin: the next of 2',
  })
  t.match(whose([territory], both), { userId: 'a', rule: 'territory' })
  t.match(whose([territory, { kind: 'manual' }, everybody], {}), { reason: 'manual' })
  t.match(whose([{ kind: 'manual' }, territory, everybody], both), { reason: 'manual' })
  t.match(whose([roundRobin(member('d')), territory], both), { userId: 'd', rule: 'round-robin' })
})

t.test('replies stay with whom they belong to, unless that user is gone', async (t) => {
  const rules = rulesOf(roundRobin(member('b')))
  const whose = (facts: Partial<UserFacts>) =>
    decide({
      rules,
      users: [user('a', facts), user('b')],
      conversations: [conversation(1, { belongsTo: 'a' })],
    })[0]?.data
  const awayUntil = (until: string) => ({
    availability: { away: { from: '2026-03-01T00:00:00.000Z', until, reason: null }, workingHours: null },
  })
  t.match(whose({}), { userId: 'a', rule: 'stays-with', taken: [] })
  t.match(whose(awayUntil('2026-03-03T09:00:00.000Z')), { userId: 'a' }, 'back within 24 hours')
  t.match(whose(awayUntil('2026-03-03T11:00:00.000Z')), {
    userId: 'b',
    passedOver: [{ userId: 'a', why: 'away' }],
  })
  t.match(whose({ isKnown: false }), { userId: 'b', passedOver: [{ userId: 'a', why: 'left' }] })
  t.match(whose({ level: 'send' }), { userId: 'a' }, 'who may send sees the answers')
  t.match(whose({ level: 'read' }), { userId: 'b', passedOver: [{ userId: 'a', why: 'no-access' }] })
})

t.test('what was left before is recorded again only if something else is known of it', async (t) => {
  const rules = rulesOf(roundRobin(member('a')))
  const left = (of: ToAssign['left'], users: UserFacts[]) =>
    decide({ rules, users, conversations: [conversation(1, { left: of })] })
  const same = { territory: null, product: null, belongsTo: null }
  const nobody = [{ type: 'ConversationLeftUnassigned', data: { reason: 'nobody-available' } }]
  t.match(left(null, []), nobody)
  t.same(left(same, []), [])
  t.match(left({ ...same, territory: 'North' }, []), nobody, 'as something else')
  t.match(left(same, [user('a')]), [{ type: 'ConversationPicked' }])
})

t.test('new rules begin the round anew', async (t) => {
  const state = { rulesRevision: 0, turns: { a: 7, b: 1 } }
  const rules = rulesOf(roundRobin(member('a'), member('b')))
  const users = [user('a'), user('b')]
  const conversations = [conversation(1), conversation(2)]
  t.same(takersOf(decide({ rules, rulesRevision: 0, users, conversations }, state)), ['b', 'b'])
  t.same(takersOf(decide({ rules, rulesRevision: 1, users, conversations }, state)), ['a', 'b'])
})
