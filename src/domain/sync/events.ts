import { z } from 'zod'
import { accountId } from '../accounts/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { blobHash, folderRole, instant, writtenMailbox } from '../mail.ts'

export const messageId = z.string().regex(/^msg_[0-9a-hjkmnp-tv-z]{26}$/)

/** Where a message lies in the mailbox (RFC 9051 2.3.1): a folder's validity and a number within it. */
export const placement = z.object({
  folder: z.string(),
  role: folderRole.nullable(),
  uidValidity: z.string(),
  uid: z.int(),
})
export type Placement = z.infer<typeof placement>

/**
 * What a run knows of a folder when it ends, and the next one starts from. `uidNext` is taken before the
 * fetch, so that mail arriving meanwhile shows next time. `since` is where the historical window begins (null is the
 * whole folder), `backfilledTo` the lowest UID that has been fetched in it. `retry` are messages that the server
 * failed to hand out. `messages` is how many there were when flags and deletions were last compared, and null while
 * mail has been taken in since; `scannedAt` when they were last compared for the whole folder.
 */
export const folderCursor = z.object({
  folder: z.string(),
  role: folderRole.nullable(),
  uidValidity: z.string(),
  uidNext: z.int(),
  since: instant.nullable(),
  backfilledTo: z.int().nullable(),
  backfillDone: z.boolean(),
  retry: z.array(z.object({ uid: z.int(), attempts: z.int() })),
  messages: z.int().nullable(),
  scannedAt: instant.nullable(),
})
export type FolderCursor = z.infer<typeof folderCursor>

/** Every message that the provider listed, and what became of it: listed = stored + known + excluded + failed. */
export const folderCounts = z.object({
  folder: z.string(),
  listed: z.int(),
  stored: z.int(),
  known: z.int(),
  excluded: z.int(),
  failed: z.int(),
  flagsChanged: z.int(),
  removed: z.int(),
  sent: z.int(),
  received: z.int(),
})
export type FolderCounts = z.infer<typeof folderCounts>

/** One message that a run could not store, or that a rule kept out. `messageId` is there when it is quarantined. */
export const runFailure = z.object({
  folder: z.string(),
  uid: z.int(),
  reason: z.string(),
  attempts: z.int(),
  messageId: messageId.optional(),
})
export type RunFailure = z.infer<typeof runFailure>
export const runExclusion = z.object({ folder: z.string(), uid: z.int(), pattern: z.string() })
export type RunExclusion = z.infer<typeof runExclusion>

// Runs of an account are numbered from 1, each in a stream `syncrun-<accountId>.<number>`, so that the next
// one is found without a search and two workers cannot start the same.
const run = { accountId, number: z.int().min(1) }

export const SyncRunStarted = defineEvent(
  'SyncRunStarted',
  z.object({ ...run, trigger: z.enum(['schedule', 'request', 'connect']), cursors: z.array(folderCursor) }),
)
/** A stretch of one folder is stored; a crash after it goes on from its cursor. */
export const FolderSynced = defineEvent(
  'FolderSynced',
  z.object({
    ...run,
    cursor: folderCursor,
    counts: folderCounts,
    failures: z.array(runFailure),
    exclusions: z.array(runExclusion),
  }),
)
/**
 * `abandoned` is said by the next run of one whose worker died. `kind` tells a failure for people from one of time.
 * `unchanged` are folders that were looked at and had nothing to record.
 */
export const SyncRunFinished = defineEvent(
  'SyncRunFinished',
  z.object({
    ...run,
    outcome: z.enum(['success', 'partial', 'failed', 'abandoned']),
    kind: z.enum(['authentication', 'temporary', 'refused']).nullable().optional(),
    code: z.string().nullable(),
    detail: z.string().nullable(),
    remedy: z.string().nullable(),
    unchanged: z.array(z.string()).optional(),
  }),
)

export const attachment = z.object({
  name: z.string().nullable(),
  contentType: z.string(),
  size: z.int(),
  contentId: z.string().nullable(),
  inline: z.boolean(),
  blob: blobHash,
})

/** Machine mail is kept apart: it opens no conversation and counts as no reply (RFC 3834). */
export const automatic = z.enum(['auto-reply', 'report', 'list', 'bulk'])

/**
 * A message found in the mailbox for the first time. `identity` is equal for the same message in other folders
 * and accounts: a hash over Message-ID, From, Date, Subject and the body's bytes. `outgoingId` names the message
 * of ours that this is the copy of. `raw` is the blob with the bytes as the server gave them.
 */
export const MessageSynced = defineEvent(
  'MessageSynced',
  z.object({
    messageId,
    accountId,
    identity: z.string(),
    outgoingId: z.string().nullable(),
    placement,
    flags: z.array(z.string()),
    direction: z.enum(['in', 'out']),
    receivedAt: instant,
    sentAt: instant.nullable(),
    size: z.int(),
    raw: blobHash,
    header: z.object({
      messageId: z.string(),
      inReplyTo: z.array(z.string()),
      references: z.array(z.string()),
      subject: z.string(),
      from: z.array(writtenMailbox),
      to: z.array(writtenMailbox),
      cc: z.array(writtenMailbox),
      replyTo: z.array(writtenMailbox),
    }),
    snippet: z.string(),
    hasHtml: z.boolean(),
    attachments: z.array(attachment),
    automatic: automatic.nullable(),
    /** The header Message-ID was met before in this account with other content. */
    defects: z.array(z.string()),
  }),
)
export const MessageAddedToFolder = defineEvent(
  'MessageAddedToFolder',
  z.object({ messageId, accountId, placement, flags: z.array(z.string()) }),
)
export const MessageFlagsChanged = defineEvent(
  'MessageFlagsChanged',
  z.object({ messageId, accountId, placement, flags: z.array(z.string()) }),
)
export const MessageRemovedFromFolder = defineEvent(
  'MessageRemovedFromFolder',
  z.object({ messageId, accountId, placement }),
)
/** A message that could not be read: its raw form is kept, the rest of the run goes on. */
export const MessageQuarantined = defineEvent(
  'MessageQuarantined',
  z.object({
    messageId,
    accountId,
    placement,
    flags: z.array(z.string()),
    receivedAt: instant,
    size: z.int(),
    raw: blobHash,
    reason: z.string(),
    attempts: z.int(),
  }),
)
/** A person let a quarantined message be: it is an error no more, and later runs leave it alone. */
export const QuarantinedMessageSkipped = defineEvent(
  'QuarantinedMessageSkipped',
  z.object({ messageId, accountId }),
)
/** A quarantined message could be read after all, and lives on as the message `became`, whose id is of its identity. */
export const QuarantinedMessageReleased = defineEvent(
  'QuarantinedMessageReleased',
  z.object({ messageId, accountId, became: messageId }),
)

export const syncRunEvents = [SyncRunStarted, FolderSynced, SyncRunFinished] as const
export const messageEvents = [
  MessageSynced,
  MessageAddedToFolder,
  MessageFlagsChanged,
  MessageRemovedFromFolder,
  MessageQuarantined,
  QuarantinedMessageSkipped,
  QuarantinedMessageReleased,
] as const
export type SyncRunEvent = EventOf<(typeof syncRunEvents)[number]>
export type MessageEvent = EventOf<(typeof messageEvents)[number]>
