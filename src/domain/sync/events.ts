import { z } from 'zod'
import { accountId } from '../accounts/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { mailTrouble } from '../mail-trouble.ts'
import { blobHash, folderRole, instant, writtenMailbox } from '../mail.ts'

export const messageId = z.string().regex(/^msg_[0-9a-hjkmnp-tv-z]{26}$/)

/**
 * Where a message lies: a folder, its role, and the provider's own reference of the message in that folder. Opaque; the
 * same folder and reference are the same place.
 */
const placement = z.object({
  folder: z.string(),
  role: folderRole.nullable(),
  ref: z.string(),
})
export type Placement = z.infer<typeof placement>

/**
 * How far a mailbox, or one part of it, has been read. Both texts are the provider's own: `scope` says which part (a
 * mailbox has one cursor for each), `at` how far.
 */
const syncCursor = z.object({ scope: z.string(), at: z.string() })
export type SyncCursor = z.infer<typeof syncCursor>

export const isAt = (a: Pick<Placement, 'folder' | 'ref'>, b: Pick<Placement, 'folder' | 'ref'>): boolean =>
  a.folder === b.folder && a.ref === b.ref

/**
 * A draft is what lies in a folder for drafts, or bears the mark of one. It was neither sent nor received. What lies
 * among the sent mail was sent, whatever mark it bears.
 */
export const isDraftAt = ({ role }: Pick<Placement, 'role'>, flags: readonly string[]): boolean =>
  role !== 'sent' && (role === 'drafts' || flags.includes('draft'))

/** Flags are a set, kept in one order: their order says nothing. */
export const flagSet = (flags: readonly string[]): string[] => [...new Set(flags)].toSorted()

/**
 * Why a message that the mailbox lists is not here. `withheld`: it was not handed out. `too-large`: it is larger than we
 * take. `not-stored`: storing it failed.
 */
export const whyNotHere = z.enum(['withheld', 'too-large', 'not-stored'])
export type WhyNotHere = z.infer<typeof whyNotHere>

/** A message that the mailbox lists and that is not here, to be asked for again. `askedAt`: when it was asked for last. */
const withheldMessage = z.object({ placement, attempts: z.int(), askedAt: instant, why: whyNotHere })
export type WithheldMessage = z.infer<typeof withheldMessage>

/**
 * Every message that the provider listed, and what became of it: listed = stored + known + excluded + failed, and
 * stored = sent + received + drafts. `removed` have left the mailbox; those that lie elsewhere now are not among them.
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

/** One message that a run could not store, or that a rule kept out. `messageId` is there when it is quarantined. */
const runFailure = z.object({
  folder: z.string(),
  ref: z.string(),
  reason: z.string(),
  attempts: z.int(),
  messageId: messageId.optional(),
})
export type RunFailure = z.infer<typeof runFailure>
const runExclusion = z.object({ folder: z.string(), ref: z.string(), pattern: z.string() })
export type RunExclusion = z.infer<typeof runExclusion>

// Runs of an account are numbered from 1, each in a stream `syncrun-<accountId>.<number>`, so that the next
// one is found without a search and two workers cannot start the same.
const run = { accountId, number: z.int().min(1) }

/**
 * `cursors` and `withheld` are carried over from the run before. `hint`: the mailbox said that there may be something new.
 * `uncounted` are the command ids of runs before it whose workers died, and of which no run has counted yet what they
 * stored without having said so.
 */
export const SyncRunStarted = defineEvent(
  'SyncRunStarted',
  z.object({
    ...run,
    trigger: z.enum(['schedule', 'request', 'connect', 'hint']),
    cursors: z.array(syncCursor),
    withheld: z.array(withheldMessage),
    uncounted: z.array(z.uuid()),
  }),
)
/**
 * A set of changes is stored; a crash after it goes on from its cursor. `folders` has the counts of each folder that it
 * was about. `withheld` are all messages that are still to be asked for again.
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
  }),
)
/** A folder that is wanted and could not be read, or is not there, and what to do about it. */
export const folderTrouble = z.object({
  folder: z.string(),
  code: z.string(),
  detail: z.string(),
  remedy: z.string(),
})
export type FolderTrouble = z.infer<typeof folderTrouble>

/** Whether what comes in lies in this folder: the inbox, or that of all mail. */
export const holdsIncoming = ({ role }: Pick<Placement, 'role'>): boolean =>
  role === 'inbox' || role === 'all'

/**
 * `abandoned` is said by the next run of one whose worker died. `kind` tells a failure for people from one of time; it is
 * not tried again before `until`, where the provider said so.
 * `stopped`: the account was paused, disconnected, or is to be read in another way.
 * `unchanged` are folders that were looked at and had nothing to record, `troubles` those that could not be;
 * `missingFolders` are the roles and paths that the settings name and the mailbox has no folder for. `inboxRead`: all that
 * had come in was read, whatever became of other folders.
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
  }),
)

const attachment = z.object({
  name: z.string().nullable(),
  contentType: z.string(),
  size: z.int(),
  contentId: z.string().nullable(),
  inline: z.boolean(),
  blob: blobHash,
})

/**
 * What no person wrote to this account alone (RFC 3834). `auto-reply` and `report` are a program's own words and answer
 * nothing; `list` and `bulk` say how a mail came, whoever wrote it.
 */
const automatic = z.enum(['auto-reply', 'report', 'list', 'bulk'])

/** What a mail says, and where it was met. */
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
  /** The header Message-ID was met before in this account with other content. */
  defects: z.array(z.string()),
})

/**
 * A message found in the mailbox for the first time. `identity` is equal for the same message in other folders
 * and accounts: a hash over Message-ID, From, Date, Subject and the body's bytes. `outgoingId` names the message
 * of ours that this is the copy of. `raw` is the blob with the bytes as the server gave them.
 */
export const MessageSynced = defineEvent('MessageSynced', syncedMessage)
/** A draft found in the mailbox. Where it turns up among the sent mail, `MessageSynced` follows: then it was sent. */
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
/**
 * A quarantined message is let be: it is an error no more, and later runs leave it alone. `pattern`: it could be read
 * after all, and this pattern of the account keeps it out; without one a person said so.
 */
export const QuarantinedMessageSkipped = defineEvent(
  'QuarantinedMessageSkipped',
  z.object({ messageId, accountId, pattern: z.string().optional() }),
)
/** A quarantined message could be read after all, and lives on as the message `became`, whose id is of its identity. */
export const QuarantinedMessageReleased = defineEvent(
  'QuarantinedMessageReleased',
  z.object({ messageId, accountId, became: messageId }),
)

export const syncRunEvents = [SyncRunStarted, ChangesSynced, SyncRunFinished] as const
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
