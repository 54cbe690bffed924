import type { AccessRights } from '../../domain/accounts/access-rights.ts'
import type { AccountSettings, ExcludePattern } from '../../domain/accounts/events.ts'
import type { Placement } from '../../domain/sync/events.ts'
import type { WrittenMailbox } from '../../domain/mail.ts'
import type { Handle, Load } from '../handle.ts'
import type { BlobStore } from '../ports/blobs.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventStore } from '../ports/event-log.ts'
import type { Leases } from '../ports/leases.ts'
import type { KnownPlace, OpenMailbox } from '../ports/mail-provider.ts'
import type { MessageTexts } from '../ports/message-texts.ts'
import type { MailParser } from '../ports/parser.ts'

// What sync asks of other features and of its read models, in its own terms; the composition root supplies it.

/** `active`: it may be synced now; otherwise it is paused, or `disconnected`. */
export type SyncAccount = AccessRights & {
  readonly accountId: string
  readonly address: string
  readonly active: boolean
  readonly receives: boolean
  readonly disconnected: boolean
  readonly credentialVersion: number
  /** Messages that were dismissed although the mailbox lists them. */
  readonly dismissed: readonly { readonly folder: string; readonly ref: string }[]
  readonly settings: Pick<
    AccountSettings,
    | 'syncFrequencyMinutes'
    | 'syncDirection'
    | 'historyDays'
    | 'folders'
    | 'folderRoles'
    | 'excludePatterns'
    | 'keep'
  >
}

/** The account as its stream has it; null if it was never connected. */
export type FindSyncAccount = (accountId: string) => Promise<SyncAccount | null>

/**
 * An email of ours by its id (`out_…`): its account, the blobs with its bytes as sent and as filed, and when it was sent;
 * null while it is not.
 */
export type FindOutgoing = (outgoingId: string) => Promise<{
  readonly accountId: string
  readonly blobs: readonly string[]
  readonly sentAt: string | null
} | null>

/** A known place of a message in a folder. */
export type KnownPlacement = KnownPlace & { readonly messageId: string; readonly quarantined: boolean }

/** What is known to be in the folders of an account. May lag behind the log: streams decide, this only saves work. */
export type KnownMail = {
  /** What is known about these references. */
  among(accountId: string, folder: string, refs: readonly string[]): Promise<readonly KnownPlacement[]>
  /** As `KnownPlaces` has it. */
  page(
    accountId: string,
    folder: string,
    below: string | null,
    limit: number,
  ): Promise<readonly KnownPlacement[]>
  /** Whether the message was deleted. */
  isDeleted(messageId: string): Promise<boolean>
  /** Waits until everything in the log so far is known; false if that takes too long. */
  catchUp(signal: AbortSignal): Promise<boolean>
}

/** What was left out before the run of patterns with this number ended, by patterns that it did not apply. */
type LeftOutQuery = {
  readonly accountId: string
  readonly number: number
  readonly patterns: readonly ExcludePattern[]
  /** Where the page before ended. */
  readonly after: { readonly folder: string; readonly ref: string } | null
  readonly limit: number
}

/** Who is known to the CRM. It may lag behind the log. */
export type KnownContacts = {
  /** Whether one of them, not counting ourselves, has the address of a contact or one at the domain of a company. */
  isAmong(people: readonly WrittenMailbox[]): Promise<boolean>
  /** Waits until everything in the log so far is known; false if that takes too long. */
  catchUp(): Promise<boolean>
}

export type SyncDeps = {
  readonly store: EventStore
  readonly handle: Handle
  readonly load: Load
  readonly blobs: BlobStore
  readonly texts: MessageTexts
  readonly leases: Leases
  readonly parser: MailParser
  readonly clock: Clock
  readonly findAccount: FindSyncAccount
  readonly openMailbox: OpenMailbox
  readonly findOutgoing: FindOutgoing
  readonly known: KnownMail
  readonly contacts: KnownContacts
  /** The latest known run of an account; its successors' streams are searched for newer ones. */
  readonly lastRun: (accountId: string) => Promise<number>
  /** Places of mail that patterns have left out, in a fixed order. */
  readonly leftOut: (of: LeftOutQuery) => Promise<readonly Placement[]>
  /** Whether its mailbox has hinted at something new, and waits for a run. */
  readonly hasHint: (accountId: string) => boolean
  /** Is told of a fault in Mailtrail that a run survived. */
  readonly onFault: (error: unknown) => void
}
