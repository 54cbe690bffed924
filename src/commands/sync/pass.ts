import type { FolderCursor } from '../../domain/sync/events.ts'
import type { PassTrouble, SyncPassCommand, SyncTrigger } from '../../domain/sync/sync-pass.ts'
import type { Caller } from '../handle.ts'
import type { MailUnavailable } from '../ports/mail-provider.ts'
import type { SyncAccount } from './ports.ts'

/** A pass under way: its account, what is known of each folder, and a way to record in its stream. */
export type Pass = {
  readonly caller: Caller
  readonly account: SyncAccount
  readonly trigger: SyncTrigger
  readonly cursors: Map<string, FolderCursor>
  readonly tell: (command: SyncPassCommand) => Promise<void>
  readonly signal: AbortSignal
}

/** What a pass says that it ended of. */
export const troubleOf = ({ kind, code, message, remedy }: MailUnavailable): PassTrouble => ({
  kind,
  code,
  detail: message,
  remedy,
})
