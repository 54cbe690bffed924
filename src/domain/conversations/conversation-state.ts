import type { ConversationEvent, MailChange } from './events.ts'

// The state of a conversation; its rules are in `conversation.ts`.

export type KnownConversation = {
  readonly status: 'open' | 'waiting' | 'snoozed' | 'closed'
  readonly conversationId: string
  readonly accountId: string
  readonly snoozedUntil: string | null
  /** The conversation that this one has become part of; null while it stands for itself. */
  readonly mergedInto: string | null
  readonly version: number
  /** What changed the mail, replies that were withdrawn left out. A queued reply keeps its version when it is sent. */
  readonly mail: readonly MailChange[]
  readonly assigneeId: string | null
  /** By user: the version up to which they have seen the mail. */
  readonly readBy: Readonly<Record<string, number>>
  readonly tags: readonly string[]
  /** By id: who wrote it. */
  readonly notes: Readonly<Record<string, string | null>>
  /** Conversations that have become part of this one, by id: the revision that they had then. */
  readonly tookIn: Readonly<Record<string, number>>
}
export type Conversation = { readonly status: 'none' } | KnownConversation

export const evolve = (state: Conversation, event: ConversationEvent): Conversation => {
  if (event.type === 'ConversationOpened') {
    const { conversationId, accountId, messageId: id, receivedAt: at } = event.data
    const before = { ...empty, status: 'open', conversationId, accountId } as const
    return withMail(before, { kind: 'message', id, userId: null, at, to: null })
  }
  if (state.status === 'none') return state
  switch (event.type) {
    case 'ConversationMessageReceived': {
      const { messageId: id, receivedAt: at, status } = event.data
      return being(status, withMail(state, { kind: 'message', id, userId: null, at, to: null }))
    }
    case 'ConversationReplyQueued': {
      const { outgoingId: id, userId, queuedAt: at, to } = event.data
      return withMail(without(state, id), { kind: 'reply', id, userId, at, to })
    }
    case 'ConversationReplyWithdrawn':
      return { ...without(state, event.data.outgoingId), version: state.version + 1 }
    case 'ConversationAnswered':
      return being(event.data.status, withAnswer(state, event.data))
    case 'ConversationStatusChanged':
      return being(event.data.status, state)
    case 'ConversationSnoozed':
      return { ...state, status: 'snoozed', snoozedUntil: event.data.until }
    case 'ConversationWoken':
      return being('open', state)
    case 'ConversationAssigned':
      return { ...state, assigneeId: event.data.userId }
    case 'ConversationUnassigned':
      return { ...state, assigneeId: null }
    case 'ConversationRead':
      return { ...state, readBy: { ...state.readBy, [event.data.userId]: event.data.version } }
    case 'ConversationMarkedUnread': {
      const { [event.data.userId]: _, ...readBy } = state.readBy
      return { ...state, readBy }
    }
    case 'ConversationTagged':
      return { ...state, tags: [...state.tags, event.data.tag] }
    case 'ConversationUntagged':
      return { ...state, tags: state.tags.filter((each) => each !== event.data.tag) }
    case 'ConversationNoteAdded':
      return { ...state, notes: { ...state.notes, [event.data.noteId]: event.data.userId } }
    case 'ConversationNoteRemoved': {
      const { [event.data.noteId]: _, ...notes } = state.notes
      return { ...state, notes }
    }
    case 'ConversationMerged':
      return { ...state, mergedInto: event.data.into }
    case 'ConversationSeparated':
      return { ...state, mergedInto: null }
    case 'ConversationTookIn': {
      const { other, revision, version, mail, status, snoozedUntil, assigneeId, tags } = event.data
      const taken = mail.map((each) => ({ ...each, version }))
      const notes = Object.fromEntries(event.data.notes.map(({ noteId, userId }) => [noteId, userId]))
      return {
        ...state,
        version,
        mail: [...state.mail, ...taken],
        status,
        snoozedUntil,
        assigneeId,
        tags,
        notes: { ...state.notes, ...notes },
        tookIn: { ...state.tookIn, [other]: revision },
      }
    }
  }
}

const empty = {
  snoozedUntil: null,
  mergedInto: null,
  version: 0,
  mail: [],
  assigneeId: null,
  readBy: {},
  tags: [],
  notes: {},
  tookIn: {},
}

const being = (status: KnownConversation['status'], state: KnownConversation): KnownConversation => ({
  ...state,
  status,
  snoozedUntil: status === 'snoozed' ? state.snoozedUntil : null,
})

const withMail = (state: KnownConversation, change: Omit<MailChange, 'version'>): KnownConversation => {
  const version = state.version + 1
  return { ...state, version, mail: [...state.mail, { version, ...change }] }
}

const without = (state: KnownConversation, id: string): KnownConversation => ({
  ...state,
  mail: state.mail.filter((each) => each.id !== id),
})

const withAnswer = (
  state: KnownConversation,
  { messageId: id, userId, sentAt: at }: { messageId: string; userId: string | null; sentAt: string },
): KnownConversation => {
  const isQueued = state.mail.some((each) => each.id === id)
  if (!isQueued) return withMail(state, { kind: 'answer', id, userId, at, to: null })
  const mail = state.mail.map((each) => (each.id === id ? { ...each, kind: 'answer' as const, at } : each))
  return { ...state, mail }
}
