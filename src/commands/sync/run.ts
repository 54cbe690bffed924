import type { FolderCursor } from '../../domain/sync/events.ts'
import type { RunTrouble, SyncRunCommand, SyncTrigger } from '../../domain/sync/sync-run.ts'
import type { Caller } from '../handle.ts'
import type { MailUnavailable } from '../ports/mail-provider.ts'
import type { SyncAccount } from './ports.ts'

/** A run under way: its account, what is known of each folder, and a way to record in its stream. */
export type Run = {
  readonly caller: Caller
  readonly account: SyncAccount
  readonly trigger: SyncTrigger
  readonly cursors: Map<string, FolderCursor>
  readonly tell: (command: SyncRunCommand) => Promise<void>
  readonly signal: AbortSignal
}

/** What a run says that it ended of. */
export const troubleOf = ({ kind, code, message, remedy }: MailUnavailable): RunTrouble => ({
  kind,
  code,
  detail: message,
  remedy,
})
