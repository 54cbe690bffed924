import { may } from '../../domain/accounts/access-rights.ts'
import { assigneeHasNoAccess } from '../../domain/conversations/refusals.ts'
import type { AssignmentReason } from '../../domain/conversations/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { entityId, userOf, type Caller } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import {
  changeConversation,
  ownConversation,
  type Changed,
  type ConversationDeps,
} from './change-conversation.ts'
import { conversationHistory, type HistoryDeps } from './conversation-history.ts'
import { follow, type FollowDeps } from './follow-mail.ts'
import { bePresent, whoIsIn, type PresenceDeps } from './presence.ts'
import { reserveReply, type ReserveDeps } from './reserve-reply.ts'
import { wakeSnoozed, type WakeDeps } from './wake-snoozed.ts'
import { withdrawReplies, type WithdrawDeps } from './withdraw-replies.ts'

export type ConversationsDeps = ConversationDeps &
  ReserveDeps &
  FollowDeps &
  WakeDeps &
  HistoryDeps &
  PresenceDeps &
  Omit<WithdrawDeps, 'abandon'> & {
    /** Whether the CRM has recorded this user. */
    readonly isUser: (userId: string) => Promise<boolean>
  }

/** Whose a conversation becomes, and why. */
export type Assignment = {
  readonly userId: string
  readonly by: 'rules' | 'person' | 'handover'
  readonly reason: AssignmentReason
}

/** What can be done with conversations. All throw NotFound; of a merged one, the id leads to what it is part of. */
export const conversationCommands = (deps: ConversationsDeps) => {
  const change = changeConversation(deps)
  const requireUser = async (userId: string): Promise<void> => {
    if (!(await deps.isUser(userId))) throw new NotFound('user', userId)
  }
  return {
    changeStatus: (
      caller: Caller,
      id: string,
      status: 'open' | 'waiting' | 'closed',
      ifRevision?: IfRevision,
    ) => change(caller, id, { do: 'change-status', status }, ifRevision),
    /** @throws Refused `snoozed-into-the-past` */
    snooze: (caller: Caller, id: string, until: string, ifRevision?: IfRevision) => {
      const instant = new Date(until).toISOString()
      const now = deps.clock().toISOString()
      return change(caller, id, { do: 'snooze', until: instant, now }, ifRevision)
    },
    /** @throws Refused `assignee-has-no-access` */
    assign: async (
      caller: Caller,
      id: string,
      assignment: Assignment,
      ifRevision?: IfRevision,
    ): Promise<Changed> => {
      const { state } = await ownConversation(deps)(id, userOf(caller), 'full')
      await requireUser(assignment.userId)
      const account = await deps.findAccount(state.accountId)
      if (!account || !may(account, assignment.userId, 'full')) throw assigneeHasNoAccess()
      return change(caller, id, { do: 'assign', ...assignment }, ifRevision)
    },
    /** What the rules decided, whose access may have changed since: does nothing if it is somebody's already. */
    assignByRules: (caller: Caller, id: string, userId: string, reason: AssignmentReason) =>
      change(caller, id, { do: 'assign', userId, by: 'rules', reason }),
    /** Does nothing if it is not this user's. */
    release: (caller: Caller, id: string, from: string, reason: string) =>
      change(caller, id, { do: 'unassign', from, reason }),
    unassign: (caller: Caller, id: string, reason: string, ifRevision?: IfRevision) =>
      change(caller, id, { do: 'unassign', reason }, ifRevision),
    /** @throws Refused `too-many-tags` */
    tag: (caller: Caller, id: string, tag: string, ifRevision?: IfRevision) =>
      change(caller, id, { do: 'tag', tag }, ifRevision),
    untag: (caller: Caller, id: string, tag: string, ifRevision?: IfRevision) =>
      change(caller, id, { do: 'untag', tag }, ifRevision),
    addNote: async (
      caller: Caller,
      id: string,
      note: { readonly text: string; readonly mentions: readonly string[] },
      ifRevision?: IfRevision,
    ): Promise<Changed & { readonly noteId: string }> => {
      for (const userId of new Set(note.mentions)) await requireUser(userId)
      const noteId = entityId('not', caller.commandId)
      const asked = { do: 'add-note', noteId, userId: userOf(caller), ...note } as const
      return { ...(await change(caller, id, asked, ifRevision)), noteId }
    },
    /** @throws Refused `not-your-note` */
    removeNote: (caller: Caller, id: string, noteId: string, ifRevision?: IfRevision) =>
      change(caller, id, { do: 'remove-note', noteId, by: userOf(caller) }, ifRevision),
    reserveReply: reserveReply(deps),
    history: conversationHistory(deps),
    bePresent: bePresent(deps),
    whoIsIn: whoIsIn(deps),
    markRead: (caller: Caller, id: string, userId: string) => change(caller, id, { do: 'mark-read', userId }),
    markUnread: (caller: Caller, id: string, userId: string) =>
      change(caller, id, { do: 'mark-unread', userId }),

    follow: follow(deps),
    wakeSnoozed: wakeSnoozed(deps),
    withdrawReplies: (abandon: WithdrawDeps['abandon']) => withdrawReplies({ ...deps, abandon }),
  }
}

export type ConversationCommands = ReturnType<typeof conversationCommands>
