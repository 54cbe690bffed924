import type { AccountSettings, Owner } from '../../domain/accounts/events.ts'
import type { Handle, Load } from '../handle.ts'
import type { BlobStore } from '../ports/blobs.ts'
import type { Clock } from '../ports/clock.ts'
import type { EventStore } from '../ports/event-log.ts'
import type { Leases } from '../ports/leases.ts'
import type { KnownPlace, OpenMailbox } from '../ports/mail-provider.ts'
import type { MailParser } from '../ports/parser.ts'

// What sync asks of other features and of its read models, in its own words; the composition root supplies it.

/** `active`: it may be synced now; else it is paused, or `disconnected`. */
export type SyncAccount = {
  readonly accountId: string
  readonly address: string
  readonly owner: Owner
  readonly active: boolean
  readonly disconnected: boolean
  readonly credentialVersion: number
  /** Messages that a person lets be, though the mailbox lists them. */
  readonly dismissed: readonly { readonly folder: string; readonly ref: string }[]
  readonly settings: Pick<
    AccountSettings,
    'syncDirection' | 'historyDays' | 'folders' | 'folderRoles' | 'excludePatterns'
  >
}

/** The account as its stream has it; null where it was never connected. */
export type FindSyncAccount = (accountId: string) => Promise<SyncAccount | null>

/** A message of ours by its id (`out_…`): whose it is, and the blobs with its bytes as sent and as filed. */
export type FindOutgoing = (
  outgoingId: string,
) => Promise<{ readonly accountId: string; readonly blobs: readonly string[] } | null>

/** Where a message is known to lie in a folder. */
export type KnownPlacement = KnownPlace & { readonly messageId: string; readonly quarantined: boolean }

/** What is known to lie in the folders of an account. May lag behind the log: streams decide, this only saves work. */
export type KnownMail = {
  /** What is known of these references. */
  among(accountId: string, folder: string, refs: readonly string[]): Promise<readonly KnownPlacement[]>
  /** As `KnownPlaces` has it. */
  page(
    accountId: string,
    folder: string,
    below: string | null,
    limit: number,
  ): Promise<readonly KnownPlacement[]>
  /** Waits until all is known that the log has by now; false where that takes too long. */
  catchUp(signal: AbortSignal): Promise<boolean>
}

export type SyncDeps = {
  readonly store: EventStore
  readonly handle: Handle
  readonly load: Load
  readonly blobs: BlobStore
  readonly leases: Leases
  readonly parser: MailParser
  readonly clock: Clock
  readonly findAccount: FindSyncAccount
  readonly openMailbox: OpenMailbox
  readonly findOutgoing: FindOutgoing
  readonly known: KnownMail
  /** The newest run that is known of an account; the streams behind it are looked through for newer ones. */
  readonly lastRun: (accountId: string) => Promise<number>
  /** Is told of a fault of ours that a run got over. */
  readonly onFault: (error: unknown) => void
}
