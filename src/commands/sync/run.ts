import type { SyncCursor, WithheldMessage } from '../../domain/sync/events.ts'
import type { RunTrouble, SyncRunCommand, SyncTrigger } from '../../domain/sync/sync-run.ts'
import type { Caller } from '../handle.ts'
import type { MailboxSession, MailUnavailable } from '../ports/mail-provider.ts'
import type { SyncAccount } from './ports.ts'

/**
 * One way of reading the mailbox: how far back (null: all of it), and where it goes on, by scope. `backfill`: the
 * beginning of the backfill that it is of.
 */
export type Track = {
  readonly since: Date | null
  readonly cursors: Map<string, SyncCursor>
  readonly backfill: string | null
}

/** A run in progress: its account, how far the mailbox has been read, and a way to record in its stream. */
export type Run = {
  readonly caller: Caller
  readonly account: SyncAccount
  readonly trigger: SyncTrigger
  /** What is read in each run: the mailbox as the settings have it. */
  readonly mailbox: Track
  /** A backfill that is not over yet. */
  readonly backfill: Track | null
  /** By `placeKey`. */
  readonly withheld: Map<string, WithheldMessage>
  /** Command ids of runs that died before they counted what they stored. */
  readonly uncounted: readonly string[]
  readonly tell: (command: SyncRunCommand) => Promise<void>
  /** To be called at each step forward: a run that makes none for too long is ended. */
  readonly progressed: () => void
  /** Aborts when the run is to stop. With `lost` it may not record anything any more. */
  readonly signal: AbortSignal
  readonly lost: AbortSignal
}

/** A run that has signed in. */
export type OpenRun = Run & { readonly session: MailboxSession }

/** The same text for the same place. */
export const placeKey = ({ folder, ref }: { readonly folder: string; readonly ref: string }): string =>
  `${folder}\n${ref}`

/** What a run records as the reason for its end. */
export const troubleOf = ({ kind, code, message, remedy, until }: MailUnavailable): RunTrouble => ({
  kind,
  code,
  detail: message,
  remedy,
  until: until?.toISOString() ?? null,
})
