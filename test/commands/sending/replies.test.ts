import t from 'tap'
import { settleEmail } from '../../../src/commands/sending/settle-email.ts'
import { changeDraft, saveDraft } from '../../../src/commands/sending/save-draft.ts'
import { idOf } from '../../support/example-emails.ts'
import { sendingWorld } from '../../support/sending-world.ts'
import { parsed, queued, refusal } from '../../support/queued-email.ts'

t.test(
  'a reply comes from the account that was written to, goes to whom it should, and stands in its thread',
  async (t) => {
    const world = await sendingWorld(t)
    const { needs } = world
    const messageId = idOf('msg', 7)
    const parent = {
      accountId: world.account.now.accountId,
      userId: null,
      direction: 'in' as const,
      messageId: 'third@client.test',
      inReplyTo: ['second@acme.test'],
      references: ['first@client.test', 'second@acme.test'],
      subject: 'Our offer',
      from: [{ address: 'ann@client.test', name: 'Ann Lee' }],
      replyTo: [{ address: 'desk@client.test' }],
      to: [{ address: 'me@acme.test' }],
    }
    world.records.messages.set(messageId, parent)
    const replyTo = { kind: 'message' as const, id: messageId }
    const open = { replyTo, accountId: null, to: [], subject: '' }
    const id = await world.queue(open)
    const { header, accountId, mime } = await queued(world, id)
    t.equal(accountId, world.account.now.accountId)
    t.same(header.to, [{ address: 'desk@client.test' }])
    t.equal(header.subject, 'Re: Our offer')
    t.equal(header.inReplyTo, 'third@client.test')
    t.same(header.references, ['first@client.test', 'second@acme.test', 'third@client.test'])
    const mail = await parsed(world, mime.blob)
    t.equal(mail.inReplyTo, '<third@client.test>')
    t.equal(mail.references, '<first@client.test> <second@acme.test> <third@client.test>')

    const again = await world.queue({ ...open, replyTo: { kind: 'email', id } })
    const follow = (await queued(world, again)).header
    t.same(follow.to, [{ address: 'desk@client.test' }], 'a follow-up goes to those it was written to')
    t.equal(follow.subject, 'Re: Our offer')
    t.same(follow.references.slice(-2), ['third@client.test', header.messageId])

    const begun = await saveDraft(needs)(world.caller(), world.input(open), null)
    t.match(begun.draft, { to: [{ address: 'desk@client.test' }] })
    const { outgoingId } = begun
    const change = (changes: object, ifRevision: number) =>
      changeDraft(needs)(world.caller(), { outgoingId, changes, ifRevision }, null)
    t.same((await change({ to: [] }, 0)).draft.to, [], 'whom a person takes out stays out')
    t.same((await change({ subject: 'Another' }, 1)).draft.to, [])
    t.match((await change({ replyTo }, 2)).draft.to, [{ address: 'desk@client.test' }])

    const headers = async (changes: object) => {
      world.records.messages.set(messageId, { ...parent, ...changes })
      return (await queued(world, await world.queue(open))).header
    }
    t.same((await headers({ references: [] })).references, ['second@acme.test', 'third@client.test'])
    t.same((await headers({ references: [], inReplyTo: ['a@x', 'b@x'] })).references, ['third@client.test'])
    t.same((await headers({ replyTo: [], subject: 'RE: Our offer' })).to, [
      { address: 'ann@client.test', name: 'Ann Lee' },
    ])
    const long = Array.from({ length: 60 }, (_, n) => `m${n}@client.test`)
    const { references } = await headers({ references: long })
    t.same([references.length, references[0], references.at(-1)], [20, 'm0@client.test', 'third@client.test'])
    const evil = await headers({
      references: ['x@y\r\nBcc: e@x.test', '<a b>', 'ok@client.test'],
      messageId: 'a b@c',
    })
    t.same([evil.inReplyTo, evil.references], [null, ['ok@client.test']])
    await t.rejects(world.queue({ ...open, replyTo: { kind: 'message', id: idOf('msg', 8) } }), {
      name: 'NotFound',
    })
    t.equal((await refusal(world.queue({ accountId: null }))).code, 'account-missing')
  },
)

t.test('who sends a failed reply again is compared with others, not who wrote it', async (t) => {
  const world = await sendingWorld(t)
  const id = `msg_${'1'.repeat(26)}`
  world.records.messages.set(id, {
    accountId: world.account.now.accountId,
    userId: null,
    direction: 'in',
    messageId: 'asked@client.test',
    inReplyTo: [],
    references: [],
    subject: 'Our offer',
    from: [{ address: 'ann@client.test' }],
    replyTo: [],
    to: [{ address: 'me@acme.test' }],
  })
  world.sink.faults.verdict = () => 554
  const outgoingId = await world.queue({ replyTo: { kind: 'message', id } })
  t.equal(await world.send(outgoingId), 'failed')
  const reserved: object[] = []
  const reserveReply = async (_: unknown, reply: object) => {
    reserved.push(reply)
  }
  const caller = { ...world.caller(), actor: { kind: 'user', id: 'bob' } } as const
  const asked = { outgoingId, decision: 'send-again', conversationVersion: 4, sendAnyway: true } as const
  await settleEmail({ ...world.needs, reserveReply })(caller, asked)
  t.match(reserved, [{ outgoingId, userId: 'bob', to: id, seen: 4, anyway: true }])
})
