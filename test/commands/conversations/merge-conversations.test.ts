import t from 'tap'
import { mergeConversations } from '../../../src/commands/conversations/merge-conversations.ts'
import { standingConversation } from '../../../src/commands/conversations/change-conversation.ts'
import { accountId, messageIdOf } from '../../support/example-sync-events.ts'
import type { Tell } from '../../../src/commands/conversations/tell-conversation.ts'
import {
  conversationLog,
  messageOf,
  queueReply,
  receive,
  threadOf,
  type ConversationLog,
} from '../../support/conversation-log.ts'

const MESSAGES = [1, 2, 3]
const countedMessage = async (id: string) => {
  const n = MESSAGES.find((each) => messageIdOf(each) === id)
  return n === undefined ? null : messageOf(n)
}
const world = (tell?: (log: ConversationLog) => Tell) => {
  const log = conversationLog()
  const merge = (n: number, ...merged: number[]) =>
    mergeConversations(
      { ...log, countedMessage },
      tell?.(log) ?? log.tell,
    )({
      id: threadOf(n),
      accountId,
      merged: merged.map(threadOf),
    })
  const standing = async (n: number) => (await standingConversation(log)(threadOf(n)))?.state.conversationId
  return { ...log, merge, standing }
}

t.test('if another thread of those that are merged is the largest later, all lead to that one', async (t) => {
  const { told, merge, standing, state } = world()
  await told(1, receive(1))
  await told(2, receive(2))
  await merge(1, 2)
  t.strictSame([await standing(1), await standing(2)], [threadOf(1), threadOf(1)])
  await told(1, { do: 'tag', tag: 'vip' }, { do: 'change-status', status: 'closed' })
  await merge(2, 1)
  t.strictSame([await standing(1), await standing(2)], [threadOf(2), threadOf(2)])
  t.match(await state(2), { tags: ['vip'] })
  await merge(2, 1)
  await merge(1, 2)
  t.strictSame([await standing(1), await standing(2)], [threadOf(1), threadOf(1)])
})

t.test('what is done in a conversation until it is merged is not lost', async (t) => {
  const { told, merge, state } = world(({ tell, told }) => async (of, asked) => {
    if (asked.do === 'merge') await told(2, queueReply(1, 2), { do: 'tag', tag: 'late' })
    return tell(of, asked)
  })
  await told(1, receive(1))
  await told(2, receive(2))
  await merge(1, 2)
  const { mail, tags } = await state(1)
  t.strictSame(tags, ['late'])
  t.match(mail.at(-1), { kind: 'reply', userId: 'ann' })
})
