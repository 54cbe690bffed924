import { z } from 'zod'
import { accountId, excludePattern } from '../accounts/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { mailTrouble } from '../mail-trouble.ts'
import { defineCode } from '../refusal.ts'
import { blobHash, folderRole, instant, writtenMailbox } from '../mail.ts'
import { mailboxStorage } from './mailbox-storage.ts'

export const messageId = z.string().regex(/^msg_[0-9a-hjkmnp-tv-z]{26}$/)

/**
 * Where a message is: a folder, its role, and the provider's own, opaque reference to the message in that folder. The
 * same folder and reference are the same place.
 */
const placement = z.object({
  folder: z.string(),
  role: folderRole.nullable(),
  ref: z.string(),
})
export type Placement = z.infer<typeof placement>

/**
 * How far a mailbox, or one part of it, has been read. Both texts are the provider's own: `scope` says which part (each
 * has its own cursor), `at` how far.
 */
const syncCursor = z.object({ scope: z.string(), at: z.string() })
export type SyncCursor = z.infer<typeof syncCursor>

export const isAt = (a: Pick<Placement, 'folder' | 'ref'>, b: Pick<Placement, 'folder' | 'ref'>): boolean =>
  a.folder === b.folder && a.ref === b.ref

/**
 * A draft is a message in a folder for drafts, or marked as a draft. It was neither sent nor received. A message among
 * the sent mail was sent, however it is marked.
 */
export const isDraftAt = ({ role }: Pick<Placement, 'role'>, flags: readonly string[]): boolean =>
  role !== 'sent' && (role === 'drafts' || flags.includes('draft'))

/** Flags are a set, stored in a fixed order: their order means nothing. */
export const flagSet = (flags: readonly string[]): string[] => [...new Set(flags)].toSorted()

/**
 * Why a message that the mailbox lists is not here. `withheld`: the mailbox did not hand it out. `too-large`: larger
 * than we take. `not-stored`: storing it failed.
 */
export const whyNotHere = z.enum(['withheld', 'too-large', 'not-stored'])
export type WhyNotHere = z.infer<typeof whyNotHere>

/**
 * A message that the mailbox lists but that is not here, to be requested again. `askedAt`: when it was last requested.
 */
const withheldMessage = z.object({ placement, attempts: z.int(), askedAt: instant, why: whyNotHere })
export type WithheldMessage = z.infer<typeof withheldMessage>

/**
 * Every message that the provider listed, and what became of it: listed = stored + known + excluded + failed, and
 * stored = sent + received + drafts. `removed` messages have left the mailbox; moved ones are not among them.
 */
const folderCounts = z.object({
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
  drafts: z.int(),
})
export type FolderCounts = z.infer<typeof folderCounts>

/** A message that a run could not store, or that a rule excluded. `messageId` is set if it is quarantined. */
const runFailure = z.object({
  folder: z.string(),
  ref: z.string(),
  reason: z.string(),
  attempts: z.int(),
  messageId: messageId.optional(),
})
export type RunFailure = z.infer<typeof runFailure>
/**
 * Why a message that can be read is not stored: a `pattern` of the account excludes it, or nobody on it is a known
 * contact and the account keeps no other mail.
 */
const exclusion = z.object({
  reason: z.enum(['pattern', 'no-known-contact']),
  pattern: excludePattern.nullable(),
})
export type Exclusion = z.infer<typeof exclusion>
const runExclusion = z.object({
  folder: z.string(),
  role: folderRole.nullable(),
  ref: z.string(),
  ...exclusion.shape,
})
export type RunExclusion = z.infer<typeof runExclusion>

// The runs of an account are numbered from 1, each in a stream `syncrun-<accountId>.<number>`, so that the next one is
// found without a search and two workers cannot start the same one.
const run = { accountId, number: z.int().min(1) }

/** How far a backfill has come that began at `since`. */
const backfillCursors = z.object({ since: instant, cursors: z.array(syncCursor) })
export type BackfillCursors = z.infer<typeof backfillCursors>

/**
 * `cursors`, those of a `backfill`, and `withheld` are carried over from the previous run. `hint`: the mailbox signalled that there may be
 * something new. `uncounted` are the command ids of earlier runs whose workers died, and whose stored messages no run
 * has counted yet.
 */
export const SyncRunStarted = defineEvent(
  'SyncRunStarted',
  z.object({
    ...run,
    trigger: z.enum(['schedule', 'request', 'connect', 'hint']),
    cursors: z.array(syncCursor),
    backfill: backfillCursors.optional(),
    withheld: z.array(withheldMessage),
    uncounted: z.array(z.uuid()),
  }),
)
/** How many messages of a folder were still to be listed behind a set of changes, where the mailbox tells that. */
const folderLeft = z.object({ folder: z.string(), count: z.int() })
export type FolderLeft = z.infer<typeof folderLeft>

/**
 * A set of changes is stored; after a crash the next run continues from its cursor. `folders` has the counts of each
 * folder in the set. `withheld` lists all messages that are still to be requested again. `backfill`: it is older mail,
 * fetched by the backfill that began at this date, whose cursor it is. `askedAgain`: the places of mail that patterns
 * had left out which apply no longer; what was still there is counted in `folders`.
 */
export const ChangesSynced = defineEvent(
  'ChangesSynced',
  z.object({
    ...run,
    cursor: syncCursor.nullable(),
    folders: z.array(folderCounts),
    failures: z.array(runFailure),
    exclusions: z.array(runExclusion),
    withheld: z.array(withheldMessage),
    left: z.array(folderLeft).optional(),
    backfill: instant.optional(),
    askedAgain: z.array(z.object({ folder: z.string(), ref: z.string() })).optional(),
  }),
)
/** A wanted folder that could not be read, or does not exist, and what to do about it. */
export const folderTrouble = z.object({
  folder: z.string(),
  code: z.string(),
  detail: z.string(),
  remedy: z.string(),
})
export type FolderTrouble = z.infer<typeof folderTrouble>

/** Whether incoming mail is in this folder: the inbox, or the one of all mail. */
export const holdsIncoming = ({ role }: Pick<Placement, 'role'>): boolean =>
  role === 'inbox' || role === 'all'

/**
 * `abandoned` is recorded by the next run for one whose worker died. `kind` tells whether a failure needs a person or
 * only time; it is not retried before `until`, if the provider gave a time.
 * `stopped`: the account was paused, disconnected, or is to be read differently.
 * `unchanged` folders had nothing to record, `troubles` could not be read; `missingFolders` are the roles and paths in
 * the settings for which the mailbox has no folder. `inboxRead`: all incoming mail was read, whatever happened in other
 * folders. `storage` is there where the mailbox says how full it is.
 */
export const SyncRunFinished = defineEvent(
  'SyncRunFinished',
  z.object({
    ...run,
    outcome: z.enum(['success', 'partial', 'failed', 'stopped', 'abandoned']),
    kind: mailTrouble.nullable().optional(),
    code: z.string().nullable(),
    detail: z.string().nullable(),
    remedy: z.string().nullable(),
    until: instant.nullable().optional(),
    unchanged: z.array(z.string()).optional(),
    troubles: z.array(folderTrouble).optional(),
    missingFolders: z.array(z.string()).optional(),
    inboxRead: z.boolean().optional(),
    storage: mailboxStorage.optional(),
  }),
)

export const syncStalled = defineCode('sync-stalled', {
  title: 'Sync stalled',
  meaning: 'The sync run made no progress for two intervals, so it was ended.',
  remedy:
    'Do nothing: another run begins at once. If this persists, test the connection and ask the provider whether the mailbox is available.',
})
/** A run made no progress since `since`, for two intervals of the account: it is ended, and another one begins. */
export const SyncStalled = defineEvent('SyncStalled', z.object({ ...run, since: instant }))

const attachment = z.object({
  name: z.string().nullable(),
  contentType: z.string(),
  size: z.int(),
  contentId: z.string().nullable(),
  inline: z.boolean(),
  blob: blobHash,
})

/**
 * Mail that no person wrote to this account alone (RFC 3834). `auto-reply` and `report` are written by programs and
 * never reply to anything; `list` and `bulk` only say how a mail came.
 */
const automatic = z.enum(['auto-reply', 'report', 'list', 'bulk'])

/** What a message says, and where it was found. */
const syncedMessage = z.object({
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
  /** Another message in this account has the same Message-ID header but different content. */
  defects: z.array(z.string()),
  /** The beginning of the backfill that fetched it: it is older mail that was asked for, and not news. */
  backfill: instant.optional(),
})

/**
 * A message found in the mailbox for the first time. `identity` is equal for the same message in other folders and
 * accounts: a hash over Message-ID, From, Date, Subject and the bytes of the body. `outgoingId` is the email of ours
 * that this is a copy of. `raw` is the blob with the bytes from the server.
 */
export const MessageSynced = defineEvent('MessageSynced', syncedMessage)
/** A draft found in the mailbox. Once it turns up among the sent mail, `MessageSynced` follows: it was sent. */
export const MessageDraftSynced = defineEvent('MessageDraftSynced', syncedMessage)
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
/** A message that could not be read: its raw form is kept, and the run continues. */
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
    backfill: instant.optional(),
  }),
)
/**
 * A quarantined message is skipped: it is no longer an error, and later runs ignore it. With a `reason`, it
 * could be read after all and is excluded for it; otherwise a person decided so.
 */
export const QuarantinedMessageSkipped = defineEvent(
  'QuarantinedMessageSkipped',
  z.object({ messageId, accountId, ...exclusion.partial().shape }),
)
/**
 * A quarantined message could be read after all and continues as the message `became`, whose id comes from its
 * identity.
 */
export const QuarantinedMessageReleased = defineEvent(
  'QuarantinedMessageReleased',
  z.object({ messageId, accountId, became: messageId }),
)

// In the stream `backfill-<accountId>`.
const ofBackfill = z.object({ accountId, since: instant })

/** Somebody asked for older mail, received at `since` or later. A backfill that is still under way is replaced by it. */
export const BackfillRequested = defineEvent('BackfillRequested', ofBackfill)
export const BackfillPaused = defineEvent('BackfillPaused', ofBackfill)
export const BackfillResumed = defineEvent('BackfillResumed', ofBackfill)
/** All folders have been read back to `since`. */
export const BackfillFinished = defineEvent('BackfillFinished', ofBackfill)

export const backfillEvents = [BackfillRequested, BackfillPaused, BackfillResumed, BackfillFinished] as const
export const syncRunEvents = [SyncRunStarted, ChangesSynced, SyncStalled, SyncRunFinished] as const
export const messageEvents = [
  MessageSynced,
  MessageDraftSynced,
  MessageAddedToFolder,
  MessageFlagsChanged,
  MessageRemovedFromFolder,
  MessageQuarantined,
  QuarantinedMessageSkipped,
  QuarantinedMessageReleased,
] as const
export type SyncRunEvent = EventOf<(typeof syncRunEvents)[number]>
export type MessageEvent = EventOf<(typeof messageEvents)[number]>
