import t from 'tap'
import { UserAvailabilityChanged } from '../../../src/domain/assignment/events.ts'
import { leftToPeople, notLeft } from '../../../src/domain/assignment/left-as.ts'
import {
  ConversationAnswered,
  ConversationAssigned,
  ConversationMessageReceived,
  ConversationOpened,
  ConversationStatusChanged,
  ConversationUnassigned,
} from '../../../src/domain/conversations/events.ts'
import { CompanyRecorded, ContactMerged, ContactRecorded } from '../../../src/domain/directory/events.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { EmailQueued } from '../../../src/domain/sending/events.ts'
import { assignmentFacts } from '../../../src/projections/assignment/assignment-facts.ts'
import { exampleQueued, idOf } from '../../support/example-emails.ts'
import { accountId, connected, messageIdOf, synced } from '../../support/example-sync-events.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'

const outgoingId = `out_${'0'.repeat(26)}`
const of = { conversationId: idOf('thr', 1), accountId }
const opened = ConversationOpened({
  ...of,
  messageId: messageIdOf(1),
  receivedAt: '2026-01-05T01:00:00.000Z',
  from: 'ann@client.test',
})
const received = (n: number) =>
  ConversationMessageReceived({
    ...of,
    messageId: messageIdOf(n),
    receivedAt: `2026-01-05T0${n}:00:00.000Z`,
    from: 'ann@client.test',
    status: 'open',
  })
const assigned = (userId: string) =>
  ConversationAssigned({ ...of, userId, by: 'person', reason: { rule: 'manual', detail: '' } })
const answering = (n: number) => synced(n, { header: { inReplyTo: [`<${outgoingId}@acme.test>`] } })
const queued = EmailQueued(exampleQueued({ outgoingId, accountId, userId: 'u-1' }))

const conversationAfter = async (...events: DomainEvent[]) => {
  const { conversation } = await foldEvents(assignmentFacts, recordedEvents([connected(), ...events]))
  return conversation[0]
}

t.test('a reply belongs to the user who sent the email that is answered', async (t) => {
  t.match(await conversationAfter(queued, answering(1), opened), { belongs_to: 'u-1', status: 'open' })
  t.match(await conversationAfter(queued, synced(1), opened), { belongs_to: null })
  t.match(await conversationAfter(queued, synced(1), opened, answering(2), received(2)), {
    belongs_to: 'u-1',
  })
  const byProgram = EmailQueued(exampleQueued({ outgoingId, accountId }))
  t.match(await conversationAfter(byProgram, answering(1), opened), { belongs_to: null })
})

t.test('it waits since it was opened last, and its assignee stays', async (t) => {
  const answered = ConversationAnswered({
    ...of,
    messageId: outgoingId,
    userId: 'u-1',
    sentAt: '2026-01-05T02:00:00.000Z',
    status: 'waiting',
  })
  const done = await conversationAfter(opened, assigned('u-1'), answered)
  t.match(done, { status: 'waiting', user_id: 'u-1', first_user_id: 'u-1' })
  t.type(done?.done_at, 'string')
  t.match(await conversationAfter(opened, received(2)), { waiting_since: '2026-01-05T01:00:00.000Z' })
  t.match(await conversationAfter(opened, assigned('u-1'), answered, received(3)), {
    status: 'open',
    user_id: 'u-1',
    waiting_since: '2026-01-05T03:00:00.000Z',
  })
  const closed = ConversationStatusChanged({ ...of, status: 'closed' })
  t.match(await conversationAfter(opened, closed), { status: 'closed', user_id: null })
})

t.test('whom it was assigned to first is remembered', async (t) => {
  const unassigned = ConversationUnassigned({ ...of, by: 'release', reason: 'Gone' })
  const row = await conversationAfter(opened, assigned('u-1'), unassigned, assigned('u-2'))
  t.match(row, { user_id: 'u-2', first_user_id: 'u-1' })
})

t.test('rules leave alone what a person took off somebody, until it is opened again', async (t) => {
  const left = { user_id: null, left_as: leftToPeople(-1) }
  const unassigned = (by: 'person' | 'release') => ConversationUnassigned({ ...of, by, reason: '' })
  t.match(await conversationAfter(opened, assigned('u-1'), unassigned('person')), left)
  t.match(await conversationAfter(opened, assigned('u-1'), unassigned('person'), received(2)), left)
  t.match(await conversationAfter(opened, assigned('u-1'), unassigned('release')), { left_as: notLeft })
  const [closed, open] = (['closed', 'open'] as const).map((status) =>
    ConversationStatusChanged({ ...of, status }),
  )
  t.match(await conversationAfter(opened, assigned('u-1'), unassigned('person'), closed!, open!), {
    left_as: notLeft,
  })
})

t.test('what a person left stays left if an answer is sent after the next message came', async (t) => {
  const sentAt = '2026-01-05T04:00:00.000Z'
  const answered = ConversationAnswered({
    ...of,
    messageId: outgoingId,
    userId: 'u-1',
    sentAt,
    status: 'open',
  })
  const left = ConversationUnassigned({ ...of, by: 'person', reason: '' })
  t.match(await conversationAfter(opened, assigned('u-1'), left, received(2), answered), {
    status: 'open',
    waiting_since: '2026-01-05T01:00:00.000Z',
    done_at: null,
    left_as: leftToPeople(-1),
  })
})

t.test('contacts are known by every address, until they are merged', async (t) => {
  const contact = ContactRecorded({
    contactId: 'c-1',
    contact: { emails: ['Ann@Client.test', 'ann@home.test'], territory: 'North', companyId: 'co-1' },
  })
  const company = CompanyRecorded({ companyId: 'co-1', company: { name: 'Client', domains: [] } })
  const known = await foldEvents(assignmentFacts, recordedEvents([contact, company]))
  t.strictSame(
    known.contact_address.map(({ address }) => address),
    ['ann@client.test', 'ann@home.test'],
  )
  t.strictSame(known.company, [{ id: 'co-1', territory: null }])
  const merged = ContactMerged({ contactId: 'c-1', into: 'c-2' })
  const after = await foldEvents(assignmentFacts, recordedEvents([contact, merged]))
  t.strictSame([after.contact, after.contact_address], [[], []])
})

t.test('it says as of which position it knows everything', async (t) => {
  const away = UserAvailabilityChanged({ userId: 'u-1', away: null, workingHours: null })
  const events = recordedEvents([connected(), away])
  const { seen } = await foldEvents(assignmentFacts, events)
  t.strictSame(seen, [{ id: 'main', position: events[1]!.position }])
})

t.test('it keeps count of what each user has', async (t) => {
  const holdingAfter = async (...events: DomainEvent[]) =>
    (await foldEvents(assignmentFacts, recordedEvents([connected(), opened, ...events]))).holding
  const had = { account_id: accountId, user_id: 'u-1', open: 0, unclosed: 0 }
  const status = (to: 'waiting' | 'closed') => ConversationStatusChanged({ ...of, status: to })
  t.strictSame(await holdingAfter(), [])
  t.strictSame(await holdingAfter(assigned('u-1')), [{ ...had, open: 1, unclosed: 1 }])
  t.strictSame(await holdingAfter(assigned('u-1'), status('waiting')), [{ ...had, unclosed: 1 }])
  t.strictSame(await holdingAfter(assigned('u-1'), status('closed')), [had])
  t.strictSame(await holdingAfter(assigned('u-1'), assigned('u-2')), [
    had,
    { ...had, user_id: 'u-2', open: 1, unclosed: 1 },
  ])
})
