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
  /** Whether whoever asks may see the mail of the account, and so be told what has changed. */
  readonly maySee: boolean
}

/**
 * What has changed for a reply since its writer looked. Where the version is known that they have seen: all mail behind
 * it, whoever sent it. Where it is not, answers of others that were queued or sent behind the message that is answered,
 * and any answer of others if the conversation does not have that message. An answer that was found in the mailbox may
 * have been found before the message. A program that acts for nobody is another one each time.
 */
const changesFor = ({ mail }: KnownConversation, reply: Reply): MailChange[] => {
  const others = mail.filter(({ id }) => id !== reply.outgoingId)
  if (reply.seen !== null) return others.filter(({ version }) => version > reply.seen!)
  const from = mail.findIndex(({ id }) => id === reply.to)
  const answered = mail[from]
  const isBehind = (each: MailChange): boolean =>
    mail.indexOf(each) > from ||
    (answered !== undefined && each.to === null && Date.parse(each.at) > Date.parse(answered.at))
  return others.filter(
    (each) =>
      each.kind !== 'message' && isBehind(each) && (each.userId === null || each.userId !== reply.userId),
  )
}

/** @throws Refused `conversation-changed` */
export const requireUnchanged = (state: KnownConversation, reply: Reply): void => {
  const { conversationId, version } = state
  const changes = changesFor(state, reply)
  const isOfAnother = reply.seen !== null && reply.seen > version
  if (changes.length === 0 && !isOfAnother) return
  const since = isOfAnother
    ? `The conversation has no version ${reply.seen}: it was merged or split since you looked at it`
    : reply.maySee
      ? `Since you looked at the conversation, ${changes.slice(-FEW).map(inWords).join('; ')}`
      : 'The conversation has changed since you looked at it'
  const told = changes.map(({ version: its, kind, id, userId, at }) => ({
    version: its,
    kind,
    id,
    userId,
    at,
  }))
  throw conversationChanged({
    detail: `${since}.`,
    details: { conversationId, version, ...(reply.maySee && { changes: told }) },
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
    'Look at the conversation; `details.changes` has what changed, unless you may not see the mail of the account. If the reply is still wanted, send it again with `conversationVersion` set to `details.version`, or with `sendAnyway`.',
  isConflict: true,
})
