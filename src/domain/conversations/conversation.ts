import { NotFound, type Decider } from '../decider.ts'
import { requireUnchanged, type Reply } from './collisions.ts'
import { evolve, type Conversation, type KnownConversation } from './conversation-state.ts'
import {
  ConversationAnswered,
  ConversationAssigned,
  ConversationMarkedUnread,
  ConversationMerged,
  ConversationMessageReceived,
  ConversationNoteAdded,
  ConversationNoteRemoved,
  ConversationOpened,
  ConversationRead,
  ConversationReplyQueued,
  ConversationReplyWithdrawn,
  ConversationSeparated,
  ConversationSnoozed,
  ConversationStatusChanged,
  ConversationTagged,
  ConversationTookIn,
  ConversationUnassigned,
  ConversationUntagged,
  ConversationWoken,
  type AssignmentReason,
  type ConversationEvent,
} from './events.ts'
import { conversationMerged, MOST_TAGS, notYourNote, snoozedIntoThePast, tooManyTags } from './refusals.ts'

// ---------------------------------------------------------------- commands

/** A message that counts for conversations. */
export type ReceivedMessage = {
  readonly messageId: string
  readonly receivedAt: string
  readonly from: string | null
}
type SentAnswer = {
  readonly messageId: string
  readonly userId: string | null
  readonly sentAt: string
}

export type ConversationCommand = { readonly conversationId: string; readonly accountId: string } &
  /** `answers`: what was sent after it, told as well if the message opens the conversation. */
  (
    | {
        readonly do: 'receive'
        readonly message: ReceivedMessage
        readonly answers?: readonly SentAnswer[]
      }
    | { readonly do: 'answer'; readonly answer: SentAnswer }
    /** `opens`: the message that is answered, if it counts and so opens the conversation where nothing has yet. */
    | {
        readonly do: 'queue-reply'
        readonly reply: Reply
        readonly anyway: boolean
        readonly queuedAt: string
        readonly opens: ReceivedMessage | null
      }
    | { readonly do: 'withdraw-reply'; readonly outgoingId: string }
    | { readonly do: 'change-status'; readonly status: 'open' | 'waiting' | 'closed' }
    | { readonly do: 'snooze'; readonly until: string; readonly now: string }
    | { readonly do: 'wake'; readonly now: string }
    | {
        readonly do: 'assign'
        readonly userId: string
        readonly by: 'rules' | 'person' | 'handover'
        readonly reason: AssignmentReason
      }
    /** `from`: only if it is this user's. */
    | { readonly do: 'unassign'; readonly reason: string; readonly from?: string }
    | { readonly do: 'mark-read' | 'mark-unread'; readonly userId: string }
    | { readonly do: 'tag' | 'untag'; readonly tag: string }
    | {
        readonly do: 'add-note'
        readonly noteId: string
        readonly userId: string | null
        readonly text: string
        readonly mentions: readonly string[]
      }
    | { readonly do: 'remove-note'; readonly noteId: string; readonly by: string | null }
    | { readonly do: 'merge'; readonly into: string }
    | { readonly do: 'separate' }
    | { readonly do: 'take-in'; readonly other: KnownConversation; readonly revision: number }
  )

// ---------------------------------------------------------------- decide

const decide = (command: ConversationCommand, state: Conversation): ConversationEvent[] => {
  if (state.status === 'none') return begin(command)
  if (state.mergedInto !== null) return decideMerged(command, state)
  const of = { conversationId: state.conversationId, accountId: state.accountId }
  switch (command.do) {
    case 'receive':
      return receive(state, command.message)
    case 'answer':
      return answer(state, command.answer)
    case 'queue-reply':
      return queueReply(state, command)
    case 'withdraw-reply':
      return withdrawReply(state, command.outgoingId)
    case 'change-status':
      return state.status === command.status
        ? []
        : [ConversationStatusChanged({ ...of, status: command.status })]
    case 'snooze': {
      const { until, now } = command
      if (Date.parse(until) <= Date.parse(now)) throw snoozedIntoThePast()
      return state.snoozedUntil === until ? [] : [ConversationSnoozed({ ...of, until })]
    }
    case 'wake':
      return state.snoozedUntil !== null && Date.parse(state.snoozedUntil) <= Date.parse(command.now)
        ? [ConversationWoken(of)]
        : []
    case 'assign': {
      const { userId, by, reason } = command
      // Rules assign what is nobody's.
      if (by === 'rules' && state.assigneeId !== null) return []
      return state.assigneeId === userId ? [] : [ConversationAssigned({ ...of, userId, by, reason })]
    }
    case 'unassign':
      return state.assigneeId === null || state.assigneeId !== (command.from ?? state.assigneeId)
        ? []
        : [
            ConversationUnassigned({
              ...of,
              by: command.from === undefined ? 'person' : 'release',
              reason: command.reason,
            }),
          ]
    case 'mark-read': {
      const { userId } = command
      const isRead = state.readBy[userId] === state.version
      return isRead ? [] : [ConversationRead({ ...of, userId, version: state.version })]
    }
    case 'mark-unread':
      return state.readBy[command.userId] === undefined
        ? []
        : [ConversationMarkedUnread({ ...of, userId: command.userId })]
    case 'tag': {
      const { tag } = command
      if (state.tags.includes(tag)) return []
      if (state.tags.length >= MOST_TAGS) throw tooManyTags()
      return [ConversationTagged({ ...of, tag })]
    }
    case 'untag':
      return state.tags.includes(command.tag) ? [ConversationUntagged({ ...of, tag: command.tag })] : []
    case 'add-note': {
      const { noteId, userId, text, mentions } = command
      const distinct = [...new Set(mentions)]
      return [ConversationNoteAdded({ ...of, noteId, userId, text, mentions: distinct })]
    }
    case 'remove-note': {
      const { noteId, by } = command
      const writer = state.notes[noteId]
      if (writer === undefined) throw new NotFound('note', noteId)
      if (by !== null && by !== writer) throw notYourNote()
      return [ConversationNoteRemoved({ ...of, noteId })]
    }
    case 'merge':
      return [ConversationMerged({ ...of, into: command.into })]
    case 'separate':
      return []
    case 'take-in':
      return takeIn(state, command.other, command.revision)
  }
}

/** Only mail begins a conversation. */
const begin = (command: ConversationCommand): ConversationEvent[] => {
  const { conversationId, accountId } = command
  const of = { conversationId, accountId }
  if (command.do === 'receive') {
    const events: ConversationEvent[] = [ConversationOpened({ ...of, ...command.message })]
    for (const sent of command.answers ?? []) events.push(...answer(opened(events), sent))
    return events
  }
  if (command.do !== 'queue-reply' || command.opens === null)
    throw new NotFound('conversation', conversationId)
  const events = [ConversationOpened({ ...of, ...command.opens })]
  return [...events, ...queueReply(opened(events), command)]
}

/** The state after events of which the first opened the conversation. */
const opened = (events: readonly ConversationEvent[]): KnownConversation =>
  events.reduce<Conversation>(evolve, { status: 'none' }) as KnownConversation

/** An answer that was not queued here is known to be to whatever came before it was sent. */
const receive = (state: KnownConversation, message: ReceivedMessage): ConversationEvent[] => {
  const { conversationId, accountId, mail } = state
  if (mail.some(({ id }) => id === message.messageId)) return []
  const isAnswered = mail.some(
    ({ kind, to, at }) => kind === 'answer' && to === null && isLater(at, message.receivedAt),
  )
  const status = isAnswered ? state.status : 'open'
  return [ConversationMessageReceived({ conversationId, accountId, ...message, status })]
}

/**
 * What was sent before the latest message came answers not that one. A reply that was queued here does not answer what
 * came after it was queued. A conversation that was closed or snoozed meanwhile stays so: an email goes out some time
 * after somebody sends it, and they may be done with it by then.
 */
const answer = (state: KnownConversation, sent: SentAnswer): ConversationEvent[] => {
  const { conversationId, accountId, mail } = state
  const known = mail.find(({ id }) => id === sent.messageId)
  if (known?.kind === 'answer') return []
  const hasNewer = mail.some(
    ({ kind, version, at }) =>
      kind === 'message' && (known ? version > known.version : isLater(at, sent.sentAt)),
  )
  const status = state.status === 'open' && !hasNewer ? 'waiting' : state.status
  return [ConversationAnswered({ conversationId, accountId, ...sent, status })]
}

const isLater = (one: string, other: string): boolean => Date.parse(one) > Date.parse(other)

const queueReply = (
  state: KnownConversation,
  { reply, anyway, queuedAt }: Extract<ConversationCommand, { readonly do: 'queue-reply' }>,
): ConversationEvent[] => {
  const { conversationId, accountId } = state
  if (!anyway) requireUnchanged(state, reply)
  const { outgoingId, userId, to, seen } = reply
  const of = { conversationId, accountId, outgoingId, userId, to }
  const answers = seen ?? state.mail.find(({ id }) => id === to)?.version ?? 0
  return [ConversationReplyQueued({ ...of, answers, anyway, queuedAt })]
}

const withdrawReply = (
  { conversationId, accountId, mail }: KnownConversation,
  outgoingId: string,
): ConversationEvent[] => {
  const isQueued = mail.some(({ kind, id }) => kind === 'reply' && id === outgoingId)
  return isQueued ? [ConversationReplyWithdrawn({ conversationId, accountId, outgoingId })] : []
}

// ---------------------------------------------------------------- merged threads

const decideMerged = (command: ConversationCommand, state: KnownConversation): ConversationEvent[] => {
  const { conversationId, accountId } = state
  if (command.do === 'separate') return [ConversationSeparated({ conversationId, accountId })]
  if (command.do === 'withdraw-reply') return withdrawReply(state, command.outgoingId)
  if (command.do === 'merge') return []
  throw conversationMerged()
}

/** Whose turn it is, is the more urgent of both; somebody who has it keeps it. */
const takeIn = (
  state: KnownConversation,
  other: KnownConversation,
  revision: number,
): ConversationEvent[] => {
  if ((state.tookIn[other.conversationId] ?? -1) >= revision) return []
  const known = new Set(state.mail.map(({ id }) => id))
  // A conversation that was begun for this, or was part of the other, was what the other is.
  const isNothingElse = state.mail.every(({ id }) => other.mail.some((each) => each.id === id))
  const { status, snoozedUntil } = isNothingElse || urgency(other) > urgency(state) ? other : state
  return [
    ConversationTookIn({
      conversationId: state.conversationId,
      accountId: state.accountId,
      other: other.conversationId,
      revision,
      version: Math.max(state.version, other.version) + 1,
      mail: other.mail.filter(({ id }) => !known.has(id)),
      status,
      snoozedUntil,
      assigneeId: isNothingElse ? other.assigneeId : (state.assigneeId ?? other.assigneeId),
      tags: [...new Set([...state.tags, ...other.tags])].slice(0, MOST_TAGS),
      notes: Object.entries(other.notes).map(([noteId, userId]) => ({ noteId, userId })),
    }),
  ]
}

const urgency = ({ status }: KnownConversation): number =>
  (['closed', 'waiting', 'snoozed', 'open'] as const).indexOf(status)

// ---------------------------------------------------------------- the decider

export const conversation: Decider<Conversation, ConversationCommand, ConversationEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}

/** `conversation-<conversationId>` */
export const conversationStream = (conversationId: string): string => `conversation-${conversationId}`
