import t from 'tap'
import { conversation, type ConversationCommand } from '../../../src/domain/conversations/conversation.ts'
import type { Conversation } from '../../../src/domain/conversations/conversation-state.ts'
import {
  ConversationAnswered,
  ConversationMessageReceived,
  ConversationOpened,
  ConversationSnoozed,
  ConversationStatusChanged,
  ConversationWoken,
  type ConversationEvent,
} from '../../../src/domain/conversations/events.ts'
import { assignmentFacts } from '../../../src/projections/assignment/assignment-facts.ts'
import { conversationList } from '../../../src/projections/conversations/conversation-list.ts'
import { idOf } from '../../support/example-emails.ts'
import { accountId, connected, messageIdOf } from '../../support/example-sync-events.ts'
import { foldEvents, recordedEvents, type Envelope } from '../../support/fold-events.ts'

const of = { conversationId: idOf('thr', 1), accountId }
const day = (n: number): string => new Date(Date.UTC(2026, 1, n)).toISOString()
const message = (n: number, received: number) => ({
  messageId: messageIdOf(n),
  receivedAt: day(received),
  from: 'mia@client.test',
})
type Told = ConversationEvent & { envelope?: Envelope }
const on = (n: number, event: ConversationEvent): Told => ({ ...event, envelope: { at: day(n) } })

const opened = on(1, ConversationOpened({ ...of, ...message(1, 1) }))
const receivedOn = (n: number) =>
  on(n, ConversationMessageReceived({ ...of, ...message(n, n), status: 'open' }))
const answeredOn = (n: number, status: 'open' | 'waiting') =>
  on(n, ConversationAnswered({ ...of, messageId: idOf('out', n), userId: 'ann', sentAt: day(n), status }))
const snoozed = (n: number, until: number) => on(n, ConversationSnoozed({ ...of, until: day(until) }))
const woken = (n: number) => on(n, ConversationWoken(of))
const openedByHand = (n: number) => on(n, ConversationStatusChanged({ ...of, status: 'open' }))

/** As the list has it, and as whoever assigns conversations does. */
const waitingSince = async (...events: Told[]) => {
  const list = await foldEvents(conversationList, recordedEvents([opened, ...events]))
  const facts = await foldEvents(assignmentFacts, recordedEvents([connected(), opened, ...events]))
  return [list.conversation[0]?.waiting_since, facts.conversation[0]?.waiting_since]
}
const both = (n: number) => [day(n), day(n)]

t.test('it is our turn since the message that was not answered, or since it was to be', async (t) => {
  t.strictSame(await waitingSince(receivedOn(2), answeredOn(3, 'open')), both(1), 'a later message came')
  t.strictSame(await waitingSince(answeredOn(2, 'waiting'), receivedOn(3)), both(3))
  t.strictSame(await waitingSince(snoozed(2, 5), woken(5)), both(1), 'snoozed although it was our turn')
  t.strictSame(await waitingSince(answeredOn(2, 'waiting'), snoozed(3, 8), woken(8)), both(8))
  t.strictSame(await waitingSince(answeredOn(2, 'waiting'), snoozed(3, 8), snoozed(4, 9), woken(9)), both(9))
  t.strictSame(await waitingSince(answeredOn(2, 'waiting'), snoozed(3, 8), receivedOn(5)), both(5))
  t.strictSame(await waitingSince(answeredOn(2, 'waiting'), snoozed(3, 8), openedByHand(6)), both(6))
  t.strictSame(await waitingSince(answeredOn(2, 'waiting'), openedByHand(4)), both(4))
})

t.test('the list and the stream count the same versions after mail was split off and merged', async (t) => {
  let state: Conversation = conversation.initial
  const events: ConversationEvent[] = []
  const tell = (command: ConversationCommand) => {
    for (const event of conversation.decide(command, state)) {
      events.push(event)
      state = conversation.evolve(state, event)
    }
  }
  const other = [
    ConversationOpened({ ...of, conversationId: idOf('thr', 2), ...message(7, 2) }),
    ConversationAnswered({
      ...of,
      conversationId: idOf('thr', 2),
      messageId: idOf('out', 1),
      userId: 'ann',
      sentAt: day(3),
      status: 'waiting',
    }),
  ]
  const known = other.reduce<Conversation>(conversation.evolve, conversation.initial)
  if (known.status === 'none') throw new Error('nothing began it')
  const answer = { messageId: idOf('out', 1), userId: 'ann', sentAt: day(3) }
  tell({ ...of, do: 'receive', message: message(1, 1) })
  // What was handed over is an answer in both.
  tell({ ...of, do: 'answer', answer })
  const { conversation: rows } = await foldEvents(conversationList, recordedEvents([...other, ...events]))
  t.equal(rows.find(({ id }) => id === of.conversationId)?.version, 2)
  tell({ ...of, do: 'take-in', other: known, revision: 1 })
  tell({ ...of, do: 'answer', answer: { ...answer, messageId: messageIdOf(9) } })
  const taken = await foldEvents(conversationList, recordedEvents([...other, ...events]))
  t.match(
    taken.conversation.find(({ id }) => id === of.conversationId),
    { version: (state as { version?: number }).version },
  )
})
