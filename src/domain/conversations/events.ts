import { z } from 'zod'
import { accountId } from '../accounts/events.ts'
import { crmId } from '../directory/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { idOf } from '../ids.ts'
import { instant, oneLine } from '../mail.ts'

export const conversationId = idOf('thr').describe('Id of a conversation, which is that of its thread')
export const noteId = idOf('not').describe('Id of an internal note')
const messageId = idOf('msg')
const outgoingId = idOf('out')
const mailId = idOf('msg', 'out')

/** Counts what changes the mail of a conversation, from 1 on; 0 before there is any. */
const version = z.int().min(0)

export const tag = z
  .string()
  .trim()
  .min(1)
  .max(50)
  .regex(...oneLine)
  .describe('As people write it; case matters')

export const noteText = z.string().trim().min(1).max(10_000).describe('Plain text')

/** Why a conversation is somebody's. `detail` says it for people. */
const assignmentReason = z.object({
  rule: z.enum(['territory', 'product', 'round-robin', 'stays-with', 'manual', 'handover']),
  detail: z.string().max(500),
})
export type AssignmentReason = z.infer<typeof assignmentReason>

// In the stream `conversation-<conversationId>`.
const of = { conversationId, accountId }
/** `from` is null if the message names no author. */
const received = { ...of, messageId, receivedAt: instant, from: z.string().nullable() }

/** The first message of a conversation came. */
export const ConversationOpened = defineEvent('ConversationOpened', z.object(received))
const status = z.enum(['open', 'waiting', 'snoozed', 'closed'])

/** A later one came: the conversation is open again, whatever it was, unless the message was answered already. */
export const ConversationMessageReceived = defineEvent(
  'ConversationMessageReceived',
  z.object({ ...received, status: status.describe('What it is now') }),
)
/**
 * A reply to `to` is about to be queued. `answers`: the version that its writer had seen. `anyway`: the writer was told what
 * had changed since, and sends it all the same.
 */
export const ConversationReplyQueued = defineEvent(
  'ConversationReplyQueued',
  z.object({
    ...of,
    outgoingId,
    userId: crmId.nullable(),
    to: mailId,
    answers: version,
    anyway: z.boolean(),
    queuedAt: instant,
  }),
)
/** The reply was cancelled, failed, or was never queued. */
export const ConversationReplyWithdrawn = defineEvent(
  'ConversationReplyWithdrawn',
  z.object({ ...of, outgoingId }),
)
/**
 * An answer was sent, from here or with another mail program: an open conversation waits for the other side, unless a
 * later message came.
 */
export const ConversationAnswered = defineEvent(
  'ConversationAnswered',
  z.object({
    ...of,
    messageId: mailId,
    userId: crmId.nullable(),
    sentAt: instant,
    status: status.describe('What it is now'),
  }),
)
export const ConversationStatusChanged = defineEvent(
  'ConversationStatusChanged',
  z.object({ ...of, status: z.enum(['open', 'waiting', 'closed']) }),
)
export const ConversationSnoozed = defineEvent('ConversationSnoozed', z.object({ ...of, until: instant }))
/** It had been snoozed until now, and is open again. */
export const ConversationWoken = defineEvent('ConversationWoken', z.object(of))
export const ConversationAssigned = defineEvent(
  'ConversationAssigned',
  z.object({
    ...of,
    userId: crmId,
    by: z.enum(['rules', 'person', 'handover']),
    reason: assignmentReason,
  }),
)
/** `by`: a person did it, or it was taken from somebody who is gone. */
export const ConversationUnassigned = defineEvent(
  'ConversationUnassigned',
  z.object({ ...of, by: z.enum(['person', 'release']), reason: z.string().max(500) }),
)
/** The user has seen the mail up to this version. */
export const ConversationRead = defineEvent('ConversationRead', z.object({ ...of, userId: crmId, version }))
export const ConversationMarkedUnread = defineEvent(
  'ConversationMarkedUnread',
  z.object({ ...of, userId: crmId }),
)
export const ConversationTagged = defineEvent('ConversationTagged', z.object({ ...of, tag }))
export const ConversationUntagged = defineEvent('ConversationUntagged', z.object({ ...of, tag }))
export const ConversationNoteAdded = defineEvent(
  'ConversationNoteAdded',
  z.object({
    ...of,
    noteId,
    userId: crmId.nullable(),
    text: noteText,
    mentions: z.array(crmId).max(50),
  }),
)
export const ConversationNoteRemoved = defineEvent('ConversationNoteRemoved', z.object({ ...of, noteId }))
/** Its thread has become part of another one, and so has it: `into` goes on with what it was. */
export const ConversationMerged = defineEvent('ConversationMerged', z.object({ ...of, into: conversationId }))
/** Its thread is one of its own again: it goes on as it was before it was merged. */
export const ConversationSeparated = defineEvent('ConversationSeparated', z.object(of))

/**
 * A change of the mail of a conversation: `reply` is queued here, `answer` was sent. `to`: what it answers; null of what
 * was not queued in the conversation.
 */
const mailChange = z.object({
  version,
  kind: z.enum(['message', 'reply', 'answer']),
  id: mailId,
  userId: crmId.nullable(),
  at: instant,
  to: mailId.nullable(),
})
export type MailChange = z.infer<typeof mailChange>

/**
 * What another conversation was that became part of this one: its mail counts as one change of this one's, of a `version`
 * that neither had before. `revision`: that of the other's stream then, so that it is taken in once each time that it is
 * merged.
 */
export const ConversationTookIn = defineEvent(
  'ConversationTookIn',
  z.object({
    ...of,
    other: conversationId,
    revision: z.int(),
    version,
    mail: z.array(mailChange),
    status,
    snoozedUntil: instant.nullable(),
    assigneeId: crmId.nullable(),
    tags: z.array(tag),
    notes: z.array(z.object({ noteId, userId: crmId.nullable() })),
  }),
)

/**
 * In the streams `mailfollowed-<what>`: this mail, and what people did to these threads (numbered as in the stream
 * of the account's threads), needs nothing in any conversation that is not recorded there.
 */
export const MailFollowed = defineEvent(
  'MailFollowed',
  z.object({
    accountId,
    mail: z.array(mailId),
    threadChanges: z.array(z.int()),
  }),
)

export const conversationEvents = [
  ConversationOpened,
  ConversationMessageReceived,
  ConversationReplyQueued,
  ConversationReplyWithdrawn,
  ConversationAnswered,
  ConversationStatusChanged,
  ConversationSnoozed,
  ConversationWoken,
  ConversationAssigned,
  ConversationUnassigned,
  ConversationRead,
  ConversationMarkedUnread,
  ConversationTagged,
  ConversationUntagged,
  ConversationNoteAdded,
  ConversationNoteRemoved,
  ConversationMerged,
  ConversationSeparated,
  ConversationTookIn,
] as const
export type ConversationEvent = EventOf<(typeof conversationEvents)[number]>
