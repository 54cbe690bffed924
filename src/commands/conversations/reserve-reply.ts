import {
  conversation,
  conversationStream,
  type ReceivedMessage,
} from '../../domain/conversations/conversation.ts'
import { notInConversation, notThreadedYet } from '../../domain/conversations/refusals.ts'
import { may, type AccessRights } from '../../domain/accounts/access-rights.ts'
import { newCommandId, userOf, type Caller, type Handle, type Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import { standingConversation } from './change-conversation.ts'

/** A reply that is about to be queued. `seen`: the version of the conversation that its writer has seen, if known. */
export type ReplyToReserve = {
  readonly outgoingId: string
  readonly userId: string | null
  /** The message or email that it answers. */
  readonly to: string
  readonly seen: number | null
  readonly anyway: boolean
  readonly at: string
}

/** A message that counts for conversations, with its account and its place in the log. */
export type CountedMessage = ReceivedMessage & { readonly accountId: string; readonly position: string }

export type ReserveDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly clock: Clock
  readonly findAccount: (accountId: string) => Promise<AccessRights | null>
  readonly countedMessage: (messageId: string) => Promise<CountedMessage | null>
  /** The conversation that mail was put into, as far as it is known already. */
  readonly conversationOf: (mailId: string) => Promise<string | null>
  readonly threadOf: (mailId: string) => Promise<string | null>
  readonly isThreaded: (position: string) => Promise<boolean>
}

/**
 * Announces a reply in the conversation of what it answers, before it is queued: of several that announce theirs at once,
 * each but the first learns of those before it. Where nothing is a conversation, nothing is announced.
 * @throws Refused `conversation-changed`, `not-in-a-conversation`, `thread-not-known-yet`
 */
export const reserveReply =
  (deps: ReserveDeps) =>
  async (caller: Caller, reply: ReplyToReserve): Promise<void> => {
    const opens = reply.to.startsWith('msg_') ? await deps.countedMessage(reply.to) : null
    const id = await placeOf(deps, reply.to, opens)
    const found = id === null ? null : await standingConversation(deps)(id)
    const accountId = found?.state.accountId ?? opens?.accountId
    if (id === null || accountId === undefined) {
      if (reply.seen !== null) throw notInConversation()
      return
    }
    const conversationId = found?.state.conversationId ?? id
    const { outgoingId, userId, to, seen, anyway, at: queuedAt } = reply
    const account = await deps.findAccount(accountId)
    const maySee = account !== null && may(account, userOf(caller), 'read')
    const asked = {
      do: 'queue-reply',
      reply: { outgoingId, userId, to, seen, maySee },
      anyway,
      queuedAt,
      opens,
    } as const
    // Under an id of its own: what was announced before a crash may have been withdrawn since.
    const announcing = { ...caller, commandId: newCommandId(deps.clock()), causationId: caller.commandId }
    const stream = conversationStream(conversationId)
    await deps.handle(conversation, stream, { ...asked, conversationId, accountId }, announcing, {
      insist: true,
    })
  }

const placeOf = async (
  deps: ReserveDeps,
  mailId: string,
  opens: CountedMessage | null,
): Promise<string | null> => {
  const known = (await deps.conversationOf(mailId)) ?? (await deps.threadOf(mailId))
  if (known !== null || opens === null) return known
  await deps.isThreaded(opens.position)
  const thread = await deps.threadOf(mailId)
  if (thread === null) throw notThreadedYet()
  return thread
}
