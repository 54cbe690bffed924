import type { EventOf, Sentences } from '../event.ts'
import { because, quoted } from '../words.ts'
import type { ConversationEvent, MailFollowed } from './events.ts'

const from = (address: string | null): string => (address === null ? '' : ` from ${address}`)
const by = (userId: string | null): string => (userId === null ? '' : ` by user ${userId}`)

export const conversationSentences: Sentences<ConversationEvent | EventOf<typeof MailFollowed>> = {
  ConversationOpened: ({ from: author }) => `A message${from(author)} opened a conversation`,
  ConversationMessageReceived: ({ from: author, status }) =>
    `A message${from(author)} was received in a conversation, which is ${status === 'open' ? 'open' : `${status} still, as it was answered already`}`,
  ConversationReplyQueued: ({ userId, anyway }) =>
    `A reply in a conversation was queued${by(userId)}${anyway ? ', although the conversation might have changed' : ''}`,
  ConversationReplyWithdrawn: () => 'A queued reply in a conversation was withdrawn',
  ConversationAnswered: ({ userId, status }) =>
    `A conversation was answered${by(userId)}, and ${status === 'waiting' ? 'waits for the other side' : `is ${status}`}`,
  ConversationStatusChanged: ({ status }) => `A conversation was set to ${status}`,
  ConversationSnoozed: ({ until }) => `A conversation was snoozed until ${until}`,
  ConversationWoken: () => 'A snoozed conversation was opened again, as it was due',
  ConversationAssigned: ({ userId, reason }) =>
    `A conversation was assigned to user ${userId} (${reason.rule})${because(reason.detail)}`,
  ConversationUnassigned: ({ reason }) => `A conversation was taken off its assignee${because(reason)}`,
  ConversationRead: ({ userId }) => `User ${userId} read a conversation`,
  ConversationMarkedUnread: ({ userId }) => `User ${userId} marked a conversation as unread`,
  ConversationTagged: ({ tag }) => `A conversation was tagged ${quoted(tag)}`,
  ConversationUntagged: ({ tag }) => `The tag ${quoted(tag)} was removed from a conversation`,
  ConversationNoteAdded: ({ userId, text }) =>
    `A note was added to a conversation${by(userId)}${because(text)}`,
  ConversationNoteRemoved: () => 'A note was removed from a conversation',
  ConversationMerged: () => 'A conversation became part of another one, as their threads were merged',
  ConversationSeparated: () => 'A conversation stands for itself again, as its thread was separated',
  ConversationTookIn: () => 'A conversation took in another one, as their threads were merged',
  MailFollowed: ({ mail }) =>
    `Mail was looked through for conversations: ${mail.length} items that belong to none, or change none`,
}
