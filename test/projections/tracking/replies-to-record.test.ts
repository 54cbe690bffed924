import t from 'tap'
import { AccountConnected } from '../../../src/domain/accounts/events.ts'
import { UserRecorded, UserRemoved } from '../../../src/domain/directory/events.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { EmailReplied } from '../../../src/domain/tracking/events.ts'
import { repliesToRecord } from '../../../src/projections/tracking/replies-to-record.ts'
import { foldEvents, recordedEvents } from '../../support/fold-events.ts'
import { idOf } from '../../support/example-emails.ts'
import { sentEmail } from '../../support/sent-email.ts'
import { connected, messageIdOf, synced } from '../../support/example-sync-events.ts'

const one = sentEmail(1)
const two = sentEmail(2, {
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
  synced(n, {
    ...changes,
    header: { from: [{ address: 'ann@client.test' }], inReplyTo: ['<out_1@client.test>'], ...header },
  })
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
      from: 'ann@client.test',
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

t.test('an answer counts whatever way it came: through a group, or from a help desk', async (t) => {
  for (const automatic of ['list', 'bulk'] as const)
    t.strictSame(await due(one.queued, answer(3, { automatic })), [[one.outgoingId, messageIdOf(3)]])
})

t.test('machines, our own messages and strangers reply to nothing', async (t) => {
  for (const automatic of ['auto-reply', 'report'] as const)
    t.strictSame(await due(one.queued, answer(3, { automatic })), [])
  t.strictSame(await due(one.queued, answer(3, { direction: 'out' })), [])
  t.strictSame(await due(one.queued, answer(3, { outgoingId: one.outgoingId })), [])
  t.strictSame(await due(one.queued, synced(3)), [])
  t.strictSame(await due(answer(3), one.queued), [[one.outgoingId, messageIdOf(3)]], 'order does not matter')
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

const from = (address: string, more: Changes['header'] = {}) => ({ from: [{ address }], ...more })

t.test('a reply is from one whom it was sent to or their like, and from nobody else', async (t) => {
  const counts = async (header: Changes['header'], changes: Changes = {}) =>
    (await due(one.queued, answer(3, { ...changes, header: header ?? {} }))).length === 1
  t.ok(await counts(from('ANN@client.test')))
  t.ok(await counts(from('bob@client.test')), 'a colleague of theirs')
  t.ok(await counts(from('help@desk.test', { replyTo: [{ address: 'ann@client.test' }] })), 'under an alias')
  t.notOk(await counts(from('eve@other.test')), 'a stranger to whom it was passed on')
  const list = { automatic: 'list' } as const
  const throughList = from('eve@other.test', { to: [{ address: 'ann@client.test' }] })
  t.ok(await counts(throughList, list), 'a member of a list that was written to')
  t.notOk(await counts(throughList), 'who only answers to all is none')
  t.notOk(await counts(from('ann@client.test'), { automatic: 'auto-reply' }))
  const gmail = sentEmail(1, { envelope: { from: 'me@acme.test', recipients: ['ann@gmail.com'] } })
  t.same(
    await due(gmail.queued, answer(3, { header: from('eve@gmail.com') })),
    [],
    'strangers share free mail',
  )
  t.equal((await due(gmail.queued, answer(3, { header: from('ann@gmail.com') }))).length, 1)
})

t.test('what our own people write answers nothing: neither other accounts nor users', async (t) => {
  const inTeam = sentEmail(1, { envelope: { from: 'me@acme.test', recipients: ['ann@acme.test'] } })
  const colleague = answer(3, { header: from('Ann@acme.test') })
  t.equal((await due(inTeam.queued, colleague)).length, 1)
  const user = UserRecorded({ userId: 'u1', user: { name: 'Ann', email: 'ann@acme.test' } })
  t.same(await due(user, inTeam.queued, colleague), [])
  t.equal((await due(user, UserRemoved({ userId: 'u1' }), inTeam.queued, colleague)).length, 1)
  const account = AccountConnected({
    ...connected().data,
    accountId: idOf('acc', 2),
    address: 'Ann@acme.test',
  })
  t.same(await due(account, user, UserRemoved({ userId: 'u1' }), inTeam.queued, colleague), [])
})

t.test('a colleague in Cc makes no recipients of all who write from our domain', async (t) => {
  const recipients = ['ann@client.test', 'archive@acme.test']
  const withColleague = sentEmail(1, { envelope: { from: 'me@acme.test', recipients } })
  const by = async (address: string) =>
    (await due(withColleague.queued, answer(3, { header: from(address) }))).length
  t.equal(await by('carl@acme.test'), 0, 'who follows up for us')
  t.equal(await by('archive@acme.test'), 1, 'who was written to')
  t.equal(await by('bob@client.test'), 1)
})

t.test('an id is told from others by as much of it as an index takes', async (t) => {
  const relayed = `<${'\u4e2d'.repeat(900)}@relay.test>`
  const copy = synced(9, { outgoingId: one.outgoingId, direction: 'out', header: { messageId: relayed } })
  const reply = answer(3, { header: { inReplyTo: [relayed] } })
  for (const events of [
    [one.queued, copy, reply],
    [one.queued, reply, copy],
  ])
    t.strictSame(await due(...events), [[one.outgoingId, messageIdOf(3)]])
  const { sent, waiting } = await foldEvents(
    repliesToRecord,
    recordedEvents([one.queued, copy, answer(4, { header: { inReplyTo: [`<2${relayed.slice(1)}`] } })]),
  )
  for (const { header_id } of [...sent, ...waiting]) t.ok(Buffer.byteLength(header_id) < 2700)
})

t.test(
  'the Message-ID that a relay gave ours is a name of ours, whichever of the two is met first',
  async (t) => {
    const copy = synced(9, {
      outgoingId: one.outgoingId,
      direction: 'out',
      header: { messageId: '<relay@mx.test>' },
    })
    const reply = answer(3, { header: from('ann@client.test', { inReplyTo: ['<relay@mx.test>'] }) })
    const again = answer(4, {
      identity: 'same',
      header: from('ann@client.test', { inReplyTo: ['<relay@mx.test>'] }),
    })
    const expected = [[one.outgoingId, messageIdOf(3)]]
    t.strictSame(await due(one.queued, copy, reply), expected)
    t.strictSame(await due(one.queued, reply, copy), expected)
    const twice = answer(3, {
      identity: 'same',
      header: from('ann@client.test', { inReplyTo: ['<relay@mx.test>'] }),
    })
    t.strictSame(await due(one.queued, twice, again, copy), expected, 'each is counted once')
  },
)
