import { defineRefusal } from '../refusal.ts'
import type { KnownConversation } from './conversation-state.ts'
import type { MailChange } from './events.ts'

/**
 * A reply that somebody wants to queue. `to`: the message or email that it answers. `seen`: the version of the
 * conversation that its writer has seen; null if that is not known.
 */
export type Reply = {
  readonly outgoingId: string
  readonly userId: string | null
  readonly to: string
  readonly seen: number | null
}

/**
 * What has changed for a reply since its writer looked. Where the version is known that they have seen: all mail behind
 * it, whoever sent it. Where it is not, answers of others that were queued or sent behind the message that is answered,
 * and any answer of others if the conversation does not have that message. A program that acts for nobody is another
 * one each time.
 */
const changesFor = ({ mail }: KnownConversation, reply: Reply): MailChange[] => {
  const others = mail.filter(({ id }) => id !== reply.outgoingId)
  if (reply.seen !== null) return others.filter(({ version }) => version > reply.seen!)
  const from = mail.findIndex(({ id }) => id === reply.to)
  return others.filter(
    (each) =>
      each.kind !== 'message' &&
      mail.indexOf(each) > from &&
      (each.userId === null || each.userId !== reply.userId),
  )
}

/** @throws Refused `conversation-changed` */
export const requireUnchanged = (state: KnownConversation, reply: Reply): void => {
  const changes = changesFor(state, reply)
  if (changes.length === 0) return
  throw conversationChanged({
    detail: `Since you looked at the conversation, ${changes.slice(-FEW).map(inWords).join('; ')}.`,
    details: { conversationId: state.conversationId, version: state.version, changes },
  })
}

const FEW = 3

const inWords = ({ kind, id, userId, at }: MailChange): string => {
  const by = userId === null ? '' : ` by user ${userId}`
  switch (kind) {
    case 'message':
      return `the message ${id} was received at ${at}`
    case 'reply':
      return `the reply ${id} was queued${by} at ${at}`
    case 'answer':
      return `the answer ${id} was sent${by} at ${at}`
  }
}

const conversationChanged = defineRefusal('conversation-changed', {
  title: 'The conversation has changed',
  meaning:
    'Somebody else has answered, or is about to, or new mail has come since you looked at the conversation. The reply was not queued.',
  remedy:
    'Look at `details.changes`, and at the conversation. If the reply is still wanted, send it again with `conversationVersion` set to `details.version`, or with `sendAnyway`.',
  isConflict: true,
})
