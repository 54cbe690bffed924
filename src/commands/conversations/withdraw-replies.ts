import { conversation, conversationStream } from '../../domain/conversations/conversation.ts'
import { systemCaller, type Caller, type Handle, type Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import { StaleRevision } from '../revisions.ts'
import { pageByPage } from '../to-do-work.ts'
import { standingConversation } from './change-conversation.ts'

type EndedReply = { readonly outgoingId: string; readonly conversationId: string }

export type WithdrawDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly clock: Clock
  /** Replies that will not be sent, and those that were announced before this time and are not queued yet. */
  readonly repliesToWithdraw: (before: Date, limit: number) => Promise<readonly EndedReply[]>
  /** Whether the email that was announced then is certainly not on its way, and will not be. */
  readonly abandon: (caller: Caller, outgoingId: string, announcedAt: string) => Promise<boolean>
}

const NAME = 'withdraw replies'
const PAGE = 100
/** Before that, whoever announced a reply is taken to be queueing it. */
const LOOKED_AT_AFTER_MS = 120_000

/** Withdraws replies from conversations that were cancelled, failed, or never came to be queued. */
export const withdrawReplies = (deps: WithdrawDeps) =>
  pageByPage(
    PAGE,
    (limit) => deps.repliesToWithdraw(new Date(deps.clock().getTime() - LOOKED_AT_AFTER_MS), limit),
    ({ outgoingId }) => outgoingId,
    withdrawReply(deps),
  )

/** Only if nothing else has happened in the conversation meanwhile: the reply may be announced again. */
const withdrawReply =
  (deps: WithdrawDeps) =>
  async ({ outgoingId, conversationId: id }: EndedReply): Promise<unknown> => {
    const found = await conversationWith(deps, outgoingId, id)
    if (!found) return 'later'
    const { reply } = found
    const caller = systemCaller(NAME, deps.clock, outgoingId)
    const { conversationId, accountId } = found.state
    const command = { do: 'withdraw-reply', outgoingId, conversationId, accountId } as const
    const stream = conversationStream(conversationId)
    try {
      if (!(await deps.abandon(caller, outgoingId, reply.at))) return 'later'
      return await deps.handle(conversation, stream, command, caller, { ifRevision: found.revision })
    } catch (error) {
      if (error instanceof StaleRevision) return 'later'
      throw error
    }
  }

/** The conversation that waits for the reply: the one that this one is part of, or this one itself. */
const conversationWith = async ({ load }: WithdrawDeps, outgoingId: string, id: string) => {
  const standing = await standingConversation({ load })(id)
  for (const found of [standing, await load(conversation, conversationStream(id))]) {
    if (!found || found.state.status === 'none') continue
    const { state, revision } = found
    const reply = state.mail.find((each) => each.kind === 'reply' && each.id === outgoingId)
    if (reply) return { state, revision, reply }
  }
  return null
}
