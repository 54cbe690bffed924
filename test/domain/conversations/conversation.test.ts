import fc from 'fast-check'
import t from 'tap'
import { Refused } from '../../../src/domain/refusal.ts'
import { conversation, type ConversationCommand } from '../../../src/domain/conversations/conversation.ts'
import type { Conversation, KnownConversation } from '../../../src/domain/conversations/conversation-state.ts'
import type { ConversationEvent } from '../../../src/domain/conversations/events.ts'
import { holdDeciderLaws } from '../../support/decider-laws.ts'

type Told = ConversationCommand extends infer Each
  ? Each extends ConversationCommand
    ? Omit<Each, 'conversationId' | 'accountId'>
    : never
  : never

const digits = (nth: number): string => String(nth).padStart(26, '0')
const of = { conversationId: `thr_${digits(0)}`, accountId: `acc_${digits(0)}` }
const at = (minute: number): string => new Date(Date.UTC(2026, 0, 5, 9, minute)).toISOString()
const message = (nth: number, minute = nth) => ({
  messageId: `msg_${digits(nth)}`,
  receivedAt: at(minute),
  from: 'mia@example.org',
})
const receive = (nth: number, minute = nth): Told => ({ do: 'receive', message: message(nth, minute) })
const reply = (nth: number, userId: string | null, seen: number | null, to = 1, anyway = false): Told => ({
  do: 'queue-reply',
  reply: { outgoingId: `out_${digits(nth)}`, userId, to: `msg_${digits(to)}`, seen, maySee: true },
  anyway,
  queuedAt: at(30),
  opens: message(to),
})
const sent = (nth: number, minute = 31): Told => ({
  do: 'answer',
  answer: { messageId: `out_${digits(nth)}`, userId: 'u-1', sentAt: at(minute) },
})
const found = (nth: number, minute: number): Told => ({
  do: 'answer',
  answer: { messageId: `msg_${digits(nth)}`, userId: null, sentAt: at(minute) },
})

/** The state after these commands, each of which is decided in turn. */
const after = (...told: readonly Told[]): KnownConversation => {
  let state: Conversation = conversation.initial
  for (const each of told)
    for (const event of conversation.decide({ ...of, ...each }, state))
      state = conversation.evolve(state, event)
  if (state.status === 'none') throw new Error('nothing began it')
  return state
}
const decided = (state: Conversation, told: Told): ConversationEvent[] =>
  conversation.decide({ ...of, ...told }, state)
const types = (events: readonly ConversationEvent[]): string[] => events.map(({ type }) => type)

const minute = fc.integer({ min: 0, max: 59 })
const nth = fc.integer({ min: 1, max: 3 })
const user = fc.constantFrom('u-1', 'u-2')
const command: fc.Arbitrary<ConversationCommand> = fc
  .oneof(
    fc.tuple(nth, minute).map(([id, when]) => receive(id, when)),
    fc.tuple(nth, minute).map(([id, when]) => sent(id, when)),
    fc.tuple(nth, minute).map(([id, when]) => found(id + 10, when)),
    fc
      .tuple(nth, fc.option(user), fc.option(fc.nat(6)), nth, fc.boolean())
      .map(([id, by, seen, to, anyway]) => reply(id, by, seen, to, anyway)),
    nth.map((id): Told => ({ do: 'withdraw-reply', outgoingId: `out_${digits(id)}` })),
    fc.constantFrom('open', 'waiting', 'closed').map((status): Told => ({ do: 'change-status', status })),
    minute.map((until): Told => ({ do: 'snooze', until: at(until), now: at(20) })),
    minute.map((now): Told => ({ do: 'wake', now: at(now) })),
    user.map((userId): Told => ({
      do: 'assign',
      userId,
      by: 'person',
      reason: { rule: 'manual', detail: '' },
    })),
    fc.constant<Told>({ do: 'unassign', reason: '' }),
    fc
      .tuple(fc.constantFrom('mark-read', 'mark-unread'), user)
      .map(([what, userId]) => ({ do: what, userId })),
    fc
      .tuple(fc.constantFrom('tag', 'untag'), fc.constantFrom('a', 'b'))
      .map(([what, tag]) => ({ do: what, tag })),
    nth.map((id): Told => ({
      do: 'add-note',
      noteId: `not_${digits(id)}`,
      userId: 'u-1',
      text: 'x',
      mentions: [],
    })),
    fc
      .tuple(nth, fc.option(user))
      .map(([id, by]): Told => ({ do: 'remove-note', noteId: `not_${digits(id)}`, by })),
    fc.constant<Told>({ do: 'merge', into: `thr_${digits(9)}` }),
    fc.constant<Told>({ do: 'separate' }),
    fc.constant<Told>({ do: 'take-in', other: after(receive(7), reply(8, 'u-2', 1, 7)), revision: 3 }),
  )
  .map((told) => ({ ...of, ...told }))

t.test('the laws of deciders hold over any commands', async () => holdDeciderLaws(conversation, command))

t.test('a command that was done does nothing the second time, but for replies and notes', async () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 12 }), command, (before, last) => {
      fc.pre(last.do !== 'queue-reply' && last.do !== 'add-note')
      const state = [...before, last].reduce<Conversation>(tried, conversation.initial)
      const events = refused(() => conversation.decide(last, state))
      return events === null || events.length === 0
    }),
  )
})

/** Null if a rule says no. */
const refused = <Result>(decide: () => Result): Result | null => {
  try {
    return decide()
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TypeError) throw error
    return null
  }
}
const tried = (state: Conversation, each: ConversationCommand): Conversation =>
  (refused(() => conversation.decide(each, state)) ?? []).reduce(conversation.evolve, state)

t.test('whatever happens, no two answers stand of which a later one had not seen the other', async () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 25 }), (commands) => {
      let state: Conversation = conversation.initial
      const unasked: { id: string; at: number }[] = []
      for (const each of commands) {
        const before = state
        state = tried(state, each)
        if (each.do !== 'queue-reply' || each.anyway || state === before || state.status === 'none') continue
        const { outgoingId, seen } = each.reply
        const unseen = state.mail.filter(
          ({ kind, id, version }) =>
            kind !== 'message' && id !== outgoingId && seen !== null && version > seen,
        )
        unasked.push(...unseen.map(({ id }) => ({ id, at: seen ?? 0 })))
      }
      return unasked.length === 0
    }),
    { numRuns: 500 },
  )
})

t.test('the version counts what changes the mail, and an answer that was queued here once', async (t) => {
  t.equal(after(receive(1)).version, 1)
  t.equal(after(receive(1), receive(2)).version, 2)
  t.equal(after(receive(1), receive(1)).version, 1)
  t.equal(after(receive(1), reply(1, 'u-1', 1)).version, 2)
  t.equal(after(receive(1), reply(1, 'u-1', 1), sent(1)).version, 2)
  t.equal(after(receive(1), found(9, 5)).version, 2)
  const withdrawn = after(receive(1), reply(1, 'u-1', 1), {
    do: 'withdraw-reply',
    outgoingId: `out_${digits(1)}`,
  })
  t.equal(withdrawn.version, 3)
  t.equal(after(receive(1), { do: 'change-status', status: 'closed' }, { do: 'tag', tag: 'a' }).version, 1)
})

t.test('of two replies to what both have seen one is refused, and told of the other', async (t) => {
  const state = after(receive(1), reply(1, 'u-1', 1))
  const { code, details } = await t
    .rejects(async () => decided(state, reply(2, 'u-2', 1)), Refused)
    .then((error) => error as unknown as Refused)
  t.equal(code, 'conversation-changed')
  t.match(details, {
    conversationId: of.conversationId,
    version: 2,
    changes: [{ version: 2, kind: 'reply', id: `out_${digits(1)}`, userId: 'u-1', at: at(30) }],
  })
  t.strictSame(types(decided(state, reply(2, 'u-2', 2))), ['ConversationReplyQueued'], 'who has seen it may')
  const anyway = decided(state, reply(2, 'u-2', 1, 1, true))
  t.match(anyway, [{ type: 'ConversationReplyQueued', data: { anyway: true, answers: 1 } }])
})

t.test('new mail behind the version that was seen refuses a reply', async (t) => {
  const state = after(receive(1), receive(2))
  t.throws(() => decided(state, reply(1, 'u-1', 1)), { code: 'conversation-changed' })
  t.equal(decided(state, reply(1, 'u-1', 2)).length, 1)
})

t.test('without a version, answers of others behind the answered message refuse a reply', async (t) => {
  const queued = after(receive(1), reply(1, 'u-1', null))
  t.throws(() => decided(queued, reply(2, 'u-2', null)), { code: 'conversation-changed' })
  t.equal(decided(queued, reply(2, 'u-1', null)).length, 1, 'one may follow up oneself')
  const byProgram = after(receive(1), reply(1, null, null))
  t.throws(() => decided(byProgram, reply(2, null, null)), { code: 'conversation-changed' })
  const newer = after(receive(1), reply(1, 'u-1', null), sent(1), receive(2))
  t.equal(decided(newer, reply(2, 'u-2', null, 2)).length, 1, 'that message was not answered')
  t.throws(() => decided(newer, reply(2, 'u-2', null, 1)), { code: 'conversation-changed' })
  t.throws(() => decided(newer, reply(2, 'u-2', null, 5)), { code: 'conversation-changed' })
})

t.test('a reply that was withdrawn, or is queued again, is in nobody’s way', async (t) => {
  const withdrawn = after(receive(1), reply(1, 'u-1', 1), {
    do: 'withdraw-reply',
    outgoingId: `out_${digits(1)}`,
  })
  t.equal(decided(withdrawn, reply(2, 'u-2', 1)).length, 1)
  const again = after(receive(1), reply(1, 'u-1', 1), reply(1, 'u-1', 1))
  t.equal(again.mail.length, 2)
})

t.test('a reply opens a conversation with the message that it answers, where nothing has yet', async (t) => {
  const events = decided(conversation.initial, reply(1, 'u-1', null))
  t.strictSame(types(events), ['ConversationOpened', 'ConversationReplyQueued'])
  t.throws(() => decided(conversation.initial, { do: 'tag', tag: 'a' }), /no conversation/)
})

t.test(
  'mail opens a conversation again, an answer makes it wait, and what came between counts',
  async (t) => {
    const closed: Told = { do: 'change-status', status: 'closed' }
    t.equal(after(receive(1), closed, receive(2)).status, 'open')
    t.equal(after(receive(1), reply(1, 'u-1', 1), sent(1)).status, 'waiting')
    t.equal(
      after(receive(1), reply(1, 'u-1', 1), receive(2), sent(1)).status,
      'open',
      'it does not answer that',
    )
    t.equal(after(receive(1), found(9, 5)).status, 'waiting')
    t.equal(after(receive(1, 10), found(9, 5)).status, 'open', 'what was sent before')
    t.equal(
      after(receive(1), found(9, 5), receive(2, 4)).status,
      'waiting',
      'what was answered before it was seen',
    )
    t.equal(after(receive(1), found(9, 5), closed, receive(2, 4)).status, 'closed')
    const snoozed: Told = { do: 'snooze', until: at(50), now: at(20) }
    t.match(after(receive(1, 10), snoozed, found(9, 5)), { status: 'snoozed', snoozedUntil: at(50) })
  },
)

t.test('what is closed or snoozed while an answer waits to be sent stays so', async (t) => {
  const answered = [receive(1), reply(1, 'u-1', 1)] as const
  t.equal(after(...answered, sent(1)).status, 'waiting')
  t.equal(after(...answered, { do: 'change-status', status: 'closed' }, sent(1)).status, 'closed')
  const snoozed: Told = { do: 'snooze', until: at(50), now: at(20) }
  t.match(after(...answered, snoozed, sent(1)), { status: 'snoozed', snoozedUntil: at(50) })
})

t.test('a snoozed conversation wakes when it is due, and not before', async (t) => {
  const state = after(receive(1), { do: 'snooze', until: at(50), now: at(20) })
  t.equal(state.status, 'snoozed')
  t.strictSame(decided(state, { do: 'wake', now: at(49) }), [])
  t.strictSame(types(decided(state, { do: 'wake', now: at(50) })), ['ConversationWoken'])
  t.throws(() => decided(state, { do: 'snooze', until: at(10), now: at(20) }), {
    code: 'snoozed-into-the-past',
  })
})

t.test('a merged conversation goes on in the other, and as it was once it is separated', async (t) => {
  const other = after(receive(7), reply(8, 'u-2', 1, 7), { do: 'tag', tag: 'b' })
  const merged = conversation.evolve(other, decided(other, { do: 'merge', into: `thr_${digits(9)}` })[0]!)
  t.throws(() => decided(merged, { do: 'tag', tag: 'a' }), { code: 'conversation-merged' })
  const into = after(receive(1), { do: 'tag', tag: 'a' }, { do: 'change-status', status: 'closed' })
  const taken = decided(into, { do: 'take-in', other, revision: 3 }).reduce(
    conversation.evolve,
    into as Conversation,
  )
  t.match(taken, { status: 'open', tags: ['a', 'b'], version: 3 })
  t.throws(() => decided(taken, reply(9, 'u-1', 1)), { code: 'conversation-changed' })
  t.strictSame(decided(taken, { do: 'take-in', other, revision: 3 }), [])
  t.strictSame(types(decided(merged, { do: 'separate' })), ['ConversationSeparated'])
})

t.test('a note is removed by its writer, or by a program', async (t) => {
  const note: Told = { do: 'add-note', noteId: `not_${digits(1)}`, userId: 'u-1', text: 'x', mentions: [] }
  const state = after(receive(1), note)
  const remove = (by: string | null): Told => ({ do: 'remove-note', noteId: `not_${digits(1)}`, by })
  t.throws(() => decided(state, remove('u-2')), { code: 'not-your-note' })
  t.equal(decided(state, remove('u-1')).length, 1)
  t.equal(decided(state, remove(null)).length, 1)
})

t.test('there are at most 50 tags', async (t) => {
  const full = after(
    receive(1),
    ...Array.from({ length: 50 }, (_, index): Told => ({ do: 'tag', tag: `t${index}` })),
  )
  t.throws(() => decided(full, { do: 'tag', tag: 'more' }), { code: 'too-many-tags' })
  t.strictSame(decided(full, { do: 'tag', tag: 't3' }), [])
})

t.test('a merged conversation has a version that neither had, and one of another is no proof', async (t) => {
  const other = after(receive(7), ...[11, 12, 13].map((nth) => found(nth, 8)))
  const home = after(receive(1))
  const taken = decided(home, { do: 'take-in', other, revision: 3 }).reduce(
    conversation.evolve,
    home as Conversation,
  )
  t.match(taken, { version: 5 })
  t.throws(() => decided(taken, reply(1, 'u-1', other.version, 7)), { code: 'conversation-changed' })
  t.throws(() => decided(home, reply(1, 'u-1', 4)), { code: 'conversation-changed' })
})

t.test('an answer that was found before the message refuses a reply to it', async (t) => {
  const state = after(receive(1), found(9, 20), receive(2, 10))
  t.throws(() => decided(state, reply(1, 'u-1', null, 2)), { code: 'conversation-changed' })
  const before = after(receive(1), found(9, 5), receive(2, 10))
  t.equal(decided(before, reply(1, 'u-1', null, 2)).length, 1, 'it answers not that message')
})

t.test('who may not see the mail is told of the version alone', async (t) => {
  const state = after(receive(1), receive(2))
  const asked = { outgoingId: `out_${digits(1)}`, userId: 'u-1', to: `msg_${digits(1)}`, seen: 1 }
  const { details, message: detail } = await t
    .rejects(
      async () =>
        decided(state, {
          do: 'queue-reply',
          reply: { ...asked, maySee: false },
          anyway: false,
          queuedAt: at(30),
          opens: null,
        }),
      Refused,
    )
    .then((error) => error as unknown as Refused)
  t.strictSame(details, { conversationId: of.conversationId, version: 2 })
  t.notMatch(detail, /msg_/)
})

t.test('what was begun for another one, or was part of it, is what that is', async (t) => {
  const assigned: Told = {
    do: 'assign',
    userId: 'u-2',
    by: 'person',
    reason: { rule: 'manual', detail: '' },
  }
  const other = after(receive(1), receive(2), assigned, { do: 'change-status', status: 'closed' })
  const takenInto = (home: KnownConversation): Conversation =>
    decided(home, { do: 'take-in', other, revision: 3 }).reduce(conversation.evolve, home as Conversation)
  t.match(takenInto(after(receive(1))), { status: 'closed', assigneeId: 'u-2' })
  t.match(takenInto(after(receive(7))), { status: 'open', assigneeId: 'u-2' })
})

t.test('a message opens a conversation together with the answers that were found before', async (t) => {
  const answers = [{ messageId: `out_${digits(5)}`, userId: null, sentAt: at(9) }]
  const events = decided(conversation.initial, { do: 'receive', message: message(1), answers })
  t.strictSame(types(events), ['ConversationOpened', 'ConversationAnswered'])
  t.match(after({ do: 'receive', message: message(1), answers }), { status: 'waiting' })
  const answered: Told = { do: 'receive', message: message(3), answers }
  t.match(after(answered, receive(4, 5)), { status: 'waiting' }, 'and answers what came before it')
})

t.test('a reply is withdrawn from a conversation that has become part of another, too', async (t) => {
  const merged = after(receive(1), reply(1, 'u-1', 1), { do: 'merge', into: `thr_${digits(9)}` })
  const withdrawn = decided(merged, { do: 'withdraw-reply', outgoingId: `out_${digits(1)}` })
  t.strictSame(types(withdrawn), ['ConversationReplyWithdrawn'])
})
