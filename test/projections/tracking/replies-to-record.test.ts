import t from 'tap'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { EmailReplied } from '../../../src/domain/tracking/events.ts'
import { repliesToRecord } from '../../../src/projections/tracking/replies-to-record.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'
import { idOf } from '../../support/example-emails.ts'
import { sentMessage } from '../../support/sent-email.ts'
import { messageIdOf, synced } from '../../support/example-sync-events.ts'

const one = sentMessage(1)
const two = sentMessage(2, {
  header: {
    messageId: '<Out_2@acme.test>',
    inReplyTo: null,
    references: [],
    subject: 'Our offer',
    from: { address: 'me@acme.test' },
    to: [{ address: 'ann@client.test' }],
    cc: [],
    bcc: [],
  },
})
type Synced = ReturnType<typeof synced>['data']
type Changes = Partial<Omit<Synced, 'header'>> & { header?: Partial<Synced['header']> }
const answer = (n: number, { header, ...changes }: Changes = {}) =>
  synced(n, { ...changes, header: { inReplyTo: ['<out_1@client.test>'], ...header } })
const due = async (...events: DomainEvent[]) => {
  const { reply } = await foldEvents(repliesToRecord, recordedEvents(events))
  return reply.filter((row) => row.due).map((row) => [row.outgoing_id, row.message_id])
}
const recorded = (n: number, outgoingId = one.outgoingId) =>
  EmailReplied({
    outgoingId,
    accountId: idOf('acc', 1),
    messageId: messageIdOf(n),
    from: 'x',
    at: '2026-01-05T12:00:00.000Z',
  })

t.test('an incoming message that names one of ours is due, with who wrote it and when', async (t) => {
  const { reply } = await foldEvents(repliesToRecord, recordedEvents([one.queued, answer(3)]))
  t.match(reply, [
    {
      outgoing_id: one.outgoingId,
      account_id: idOf('acc', 1),
      message_id: messageIdOf(3),
      from: 'sender3@x.test',
      at: '2026-01-05T03:00:00.000Z',
      due: true,
    },
  ])
  const byReferences = answer(4, {
    header: { inReplyTo: [], references: ['<unknown@x>', 'out_1@client.test', '<other@x>'] },
  })
  t.strictSame(await due(one.queued, byReferences), [[one.outgoingId, messageIdOf(4)]])
})

t.test('of several of ours the one that is answered counts', async (t) => {
  const header = {
    inReplyTo: ['<Out_2@acme.test>'],
    references: ['<out_1@client.test>', '<Out_2@acme.test>'],
  }
  t.strictSame(await due(one.queued, two.queued, answer(3, { header })), [[two.outgoingId, messageIdOf(3)]])
  const missing = { inReplyTo: ['<nobody@x>'], references: ['<out_1@client.test>', '<Out_2@acme.test>'] }
  t.strictSame(await due(one.queued, two.queued, answer(3, { header: missing })), [
    [two.outgoingId, messageIdOf(3)],
  ])
})

t.test('machines, our own messages and strangers reply to nothing', async (t) => {
  for (const automatic of ['auto-reply', 'report', 'list', 'bulk'] as const)
    t.strictSame(await due(one.queued, answer(3, { automatic })), [])
  t.strictSame(await due(one.queued, answer(3, { direction: 'out' })), [])
  t.strictSame(await due(one.queued, answer(3, { outgoingId: one.outgoingId })), [])
  t.strictSame(await due(one.queued, synced(3)), [])
  t.strictSame(await due(answer(3), one.queued), [], 'nothing answers what is not there yet')
})

t.test(
  'one reply is due once, in however many folders and accounts it is met, and never again when it is recorded',
  async (t) => {
    const elsewhere = answer(4, { identity: 'identity 3', accountId: idOf('acc', 2) })
    t.strictSame(await due(one.queued, answer(3), elsewhere), [[one.outgoingId, messageIdOf(3)]])
    t.strictSame(await due(one.queued, answer(3), recorded(3)), [])
    t.strictSame(await due(one.queued, answer(3), recorded(3), elsewhere), [])
    t.strictSame(await due(one.queued, answer(3), recorded(9)), [[one.outgoingId, messageIdOf(3)]])
    t.strictSame(await due(one.queued, answer(3), answer(5), recorded(3)), [[one.outgoingId, messageIdOf(5)]])
  },
)

t.test(
  'a Message-ID that the provider put in the place of ours is known from the copy in Sent',
  async (t) => {
    const copy = answer(2, {
      direction: 'out',
      outgoingId: one.outgoingId,
      header: { messageId: '<rewritten@provider.test>', inReplyTo: [] },
    })
    t.strictSame(
      await due(one.queued, copy, answer(3, { header: { inReplyTo: ['<rewritten@provider.test>'] } })),
      [[one.outgoingId, messageIdOf(3)]],
    )
  },
)
