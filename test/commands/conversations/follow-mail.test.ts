import t from 'tap'
import { follow } from '../../../src/commands/conversations/follow-mail.ts'
import { withdrawReplies } from '../../../src/commands/conversations/withdraw-replies.ts'
import { idOf } from '../../support/example-emails.ts'
import { accountId, messageIdOf } from '../../support/example-sync-events.ts'
import { conversationLog, messageOf, queueReply, receive, threadOf } from '../../support/conversation-log.ts'

const never = new AbortController().signal

t.test('a reply to a message that is split off moves with it', async (t) => {
  const log = conversationLog()
  await log.told(1, receive(1), receive(2), queueReply(1, 2), queueReply(2, 1, 'ann'))
  const places = new Map([
    [messageIdOf(1), threadOf(1)],
    [messageIdOf(2), threadOf(2)],
  ])
  const change = { accountId, number: 1, threadId: threadOf(1), other: threadOf(2), position: 't:1' }
  const following = follow({
    ...log,
    mailToFollow: async () => [],
    threadChanges: async () => [change],
    isThreaded: async () => true,
    threadsOf: async (mail) => new Map([...places].filter(([id]) => mail.includes(id))),
    findThread: async (id) => ({ id, accountId, merged: [] }),
    sentInThread: async () => [],
    countedMessage: async (id) => (id === messageIdOf(2) ? messageOf(2) : null),
  })
  const repliesIn = async (n: number) =>
    (await log.state(n)).mail.flatMap(({ kind, id }) => (kind === 'reply' ? id : []))
  for (const _ of ['once', 'and again after a crash']) {
    await following(never)
    t.strictSame([await repliesIn(1), await repliesIn(2)], [[idOf('out', 2)], [idOf('out', 1)]])
  }
})

t.test('a reply is withdrawn where it was announced if what that was merged into has it not', async (t) => {
  const log = conversationLog()
  await log.told(1, receive(1))
  await log.told(2, receive(2), queueReply(1, 2), { do: 'merge', into: threadOf(1) })
  const gone = Array.from({ length: 100 }, (_, n) => ({
    outgoingId: idOf('out', 10 + n),
    conversationId: threadOf(1),
  }))
  const rows = [...gone, { outgoingId: idOf('out', 1), conversationId: threadOf(2) }]
  const withdraw = withdrawReplies({
    ...log,
    repliesToWithdraw: async (_before, limit) => rows.slice(0, limit),
    abandon: async () => true,
  })
  t.equal(await withdraw(never), true, 'there may be more')
  t.equal(await withdraw(never), false, 'those that nobody has are in nobody’s way')
  t.strictSame(await log.types(2), [
    'ConversationOpened',
    'ConversationReplyQueued',
    'ConversationMerged',
    'ConversationReplyWithdrawn',
  ])
})
