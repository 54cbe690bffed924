import fc from 'fast-check'
import assert from 'node:assert/strict'
import t from 'tap'
import { memoryEventStore } from '../../support/memory-event-store.ts'
import type { EventStore } from '../../../src/commands/ports/event-log.ts'
import type { SpooledHit, TrackedHit } from '../../../src/commands/ports/tracking.ts'
import { recordHits } from '../../../src/commands/tracking/record-hits.ts'
import { recordDueReplies } from '../../../src/commands/tracking/record-due-replies.ts'
import { recordReply } from '../../../src/commands/tracking/record-reply.ts'
import { EVENTS_AN_HOUR } from '../../../src/domain/tracking/fold-hits.ts'
import { aCaller, aClick, anOpen, outgoingOf, type HitChanges } from '../../support/example-hits.ts'

const START = Date.parse('2026-01-22T14:45:00.000Z')
const after = (seconds: number): string => new Date(START + seconds * 1000).toISOString()
const spooled = (hits: readonly TrackedHit[], segment = 'a'): SpooledHit[] =>
  hits.map((hit, index) => ({ source: `${segment}:${index}`, hit }))
const stream = (name: string | number = 1): string => `tracking-${outgoingOf(name)}`
const all = async (store: EventStore) => (await store.readAll({ after: null, limit: 100_000 })).events
const requests = (events: readonly { data: unknown }[]): number =>
  events.reduce((sum, { data }) => sum + 1 + (data as { repeats: number }).repeats, 0)

t.test(
  'each hit becomes one event in the stream of its message, with the time at which it came',
  async (t) => {
    const store = memoryEventStore()
    const hits = [
      anOpen(),
      aClick({ link: 1, at: after(60) }),
      anOpen({ outgoingId: outgoingOf(2), at: after(1) }),
    ]
    t.strictSame(await recordHits({ store })(aCaller(), spooled(hits)), {
      recorded: 3,
      folded: 0,
      known: 0,
      dropped: 0,
    })
    const [open, click] = await store.readStream(stream())
    t.match(open, {
      type: 'OpenTracked',
      data: hits[0]!.data,
      metadata: { occurredAt: after(0), actor: { kind: 'system' } },
    })
    t.match(click, { type: 'ClickTracked', data: hits[1]!.data, metadata: { occurredAt: after(60) } })
    t.equal((await store.readStream(stream(2))).length, 1)
  },
)

t.test('the same token, address and agent within 30 s are one event that counts them', async (t) => {
  const store = memoryEventStore()
  const same = [0, 10, 29.999, 30].map((seconds) => anOpen({ at: after(seconds) }))
  const others: HitChanges[] = [
    { ip: '198.51.100.8' },
    { userAgent: 'Other' },
    { method: 'HEAD' },
    { recipient: 1 },
    { prefetch: true },
  ]
  const outcome = await recordHits({ store })(
    aCaller(),
    spooled([
      ...same,
      ...others.map((change) => anOpen({ at: after(5), ...change })),
      aClick({ at: after(5) }),
      aClick({ at: after(6), link: 1 }),
    ]),
  )
  t.strictSame(outcome, { recorded: 9, folded: 2, known: 0, dropped: 0 })
  const events = await store.readStream(stream())
  t.strictSame(
    events.map(({ data }) => (data as { repeats: number }).repeats),
    [2, 0, 0, 0, 0, 0, 0, 0, 0],
  )
})

t.test(
  'a segment that is given again changes nothing, whole or after a part of it was recorded',
  async (t) => {
    const store = memoryEventStore()
    const hits = spooled([
      anOpen(),
      anOpen({ at: after(3) }),
      aClick(),
      anOpen({ outgoingId: outgoingOf(2) }),
    ])
    await recordHits({ store })(aCaller(), hits.slice(3))
    const first = await recordHits({ store })(aCaller(), hits)
    t.strictSame(first, { recorded: 2, folded: 1, known: 1, dropped: 0 })
    const before = await all(store)
    t.strictSame(await recordHits({ store })(aCaller(), hits), {
      recorded: 0,
      folded: 0,
      known: 4,
      dropped: 0,
    })
    t.strictSame(await all(store), before)
  },
)

t.test(
  'many at once over the same messages and segments lose nothing and record nothing twice',
  async (t) => {
    const store = memoryEventStore()
    const segments = Array.from({ length: 12 }, (_, segment) =>
      spooled(
        Array.from({ length: 20 }, (_, n) =>
          anOpen({ outgoingId: outgoingOf(n % 3), at: after(segment * 31), ip: `198.51.100.${n}` }),
        ),
        `s${segment}`,
      ),
    )
    let overtaken = 0
    const again = async (segment: SpooledHit[]): Promise<void> => {
      for (;;)
        try {
          await recordHits({ store })(aCaller(), segment)
          return
        } catch {
          overtaken++
        }
    }
    await Promise.all([...segments, ...segments].map(again))
    const events = await all(store)
    t.equal(events.length, 240)
    t.equal(requests(events), 240)
    t.comment(`${overtaken} segments were given again`)
  },
)

t.test('two that record the same or other hits of one message at once both succeed', async (t) => {
  for (const other of ['a', 'b']) {
    const store = memoryEventStore()
    const record = recordHits({ store })
    const answers = await Promise.all([
      record(aCaller(), spooled([anOpen(), aClick()], 'a')),
      record(aCaller(), spooled([anOpen({ at: after(60) }), aClick({ at: after(61) })], other)),
    ])
    t.equal((await all(store)).length, other === 'a' ? 2 : 4)
    t.equal(
      answers.reduce((sum, { recorded, known }) => sum + recorded + known, 0),
      4,
    )
  }
})

t.test(
  'a token that is replayed without end makes at most 200 events an hour, and other tokens are not held up',
  async (t) => {
    const store = memoryEventStore()
    const flood = (from: number, count: number) =>
      Array.from({ length: count }, (_, n) =>
        anOpen({ at: after(from + n / 10), ip: `2001:db8::${(from + n).toString(16)}` }),
      )
    const record = recordHits({ store })
    t.strictSame(await record(aCaller(), spooled(flood(0, 150), 'a')), {
      recorded: 150,
      folded: 0,
      known: 0,
      dropped: 0,
    })
    t.strictSame(await record(aCaller(), spooled([...flood(200, 100), aClick({ at: after(215) })], 'b')), {
      recorded: 51,
      folded: 0,
      known: 0,
      dropped: 50,
    })
    t.equal((await all(store)).filter(({ type }) => type === 'OpenTracked').length, EVENTS_AN_HOUR)
    t.equal((await record(aCaller(), spooled(flood(3600 + 16, 10), 'c'))).recorded, 10)
  },
)

t.test(
  'whatever comes, every request is recorded, folded, known or dropped, and folding keeps the count',
  async (t) => {
    const anyHit = fc.record({
      at: fc.integer({ min: 0, max: 120 }).map(after),
      ip: fc.constantFrom('198.51.100.1', '198.51.100.2'),
      outgoingId: fc.constantFrom(1, 2).map(outgoingOf),
      link: fc.integer({ min: -1, max: 2 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(anyHit, { maxLength: 12 }), { maxLength: 4 }), async (made) => {
        const store = memoryEventStore()
        for (const [segment, hits] of made.entries()) {
          const of = spooled(
            hits.map(({ link, ...rest }) => (link < 0 ? anOpen(rest) : aClick({ ...rest, link }))),
            `s${segment}`,
          )
          const before = requests(await all(store))
          const { recorded, folded } = await recordHits({ store })(aCaller(), of)
          assert.equal(recorded + folded, hits.length)
          assert.equal(requests(await all(store)), before + hits.length)
          await recordHits({ store })(aCaller(), of)
          assert.equal(requests(await all(store)), before + hits.length)
        }
      }),
      { numRuns: 200 },
    )
    t.pass()
  },
)

const reply = {
  outgoingId: outgoingOf(1),
  accountId: `acc_${'0'.repeat(26)}`,
  messageId: `msg_${'0'.repeat(26)}`,
  from: 'ann@client.test',
  at: after(900),
}

t.test('a reply is recorded once, however often and by however many it is found', async (t) => {
  const store = memoryEventStore()
  const record = recordReply({ store })
  const answers = await Promise.all(Array.from({ length: 5 }, () => record(aCaller(), reply)))
  t.equal(answers.filter(({ recorded }) => recorded).length, 1)
  t.strictSame(await record(aCaller(), reply), { recorded: false })
  const events = await store.readStream(stream())
  t.equal(events.length, 1)
  t.match(events[0], { type: 'EmailReplied', data: reply, metadata: { occurredAt: reply.at } })
  await record(aCaller(), { ...reply, messageId: `msg_${'0'.repeat(25)}1` })
  t.equal((await store.readStream(stream())).length, 2)
})

t.test('a reply with a form that is not ours is refused before anything is appended', async (t) => {
  const store = memoryEventStore()
  await t.rejects(recordReply({ store })(aCaller(), { ...reply, messageId: 'nonsense' }))
  t.strictSame(await all(store), [])
})

t.test('hits with addresses of any length are recorded, in as many appends as it takes', async (t) => {
  const store = memoryEventStore()
  const url = `https://acme.example/${'a'.repeat(10_000)}`
  const hits = Array.from({ length: EVENTS_AN_HOUR }, (_, n) => {
    const { type, data } = aClick({ ip: `198.51.100.${n % 250}`, userAgent: `Agent ${n}`, at: after(n % 30) })
    return { type, data: { ...data, url } } as TrackedHit
  })
  t.match(await recordHits({ store })(aCaller(), spooled(hits)), { recorded: EVENTS_AN_HOUR, dropped: 0 })
  t.equal((await store.readStream(stream())).length, EVENTS_AN_HOUR)
})

t.test('replies that cannot be recorded hide none that stands behind them on the list', async (t) => {
  const due = Array.from({ length: 120 }, (_, n) => ({
    outgoingId: n === 119 ? 'good' : `bad${n}`,
    accountId: 'a',
    messageId: 'm',
    from: 'ann@client.test',
    at: new Date().toISOString(),
  }))
  const recorded: string[] = []
  const work = recordDueReplies({
    clock: () => new Date(),
    dueReplies: (limit) => Promise.resolve(due.slice(0, limit)),
    record: (_caller, { outgoingId }) =>
      outgoingId === 'good'
        ? Promise.resolve({ recorded: recorded.push(outgoingId) > 0 })
        : Promise.reject(new Error(outgoingId)),
  })
  const { signal } = new AbortController()
  await t.rejects(work(signal), /100 of 100 failed/)
  await t.rejects(work(signal), /19 of 20 failed/)
  t.same(recorded, ['good'])
})
