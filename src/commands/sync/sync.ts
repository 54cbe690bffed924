import type { SyncDeps } from './ports.ts'
import { backfillCommands } from './backfill.ts'
import { deleteMessage, restoreMessage } from './delete-message.ts'
import { retryQuarantined } from './retry-quarantined.ts'
import { threadCommands, type ThreadDeps } from './rearrange-threads.ts'
import { runSync } from './run-sync.ts'
import { skipQuarantined } from './skip-quarantined.ts'

/** What can be done to read mailboxes. */
export const syncCommands = (deps: SyncDeps & ThreadDeps) => ({
  run: runSync(deps),
  ...backfillCommands(deps),
  ...threadCommands(deps),
  retryQuarantined: retryQuarantined(deps),
  skipQuarantined: skipQuarantined(deps),
  deleteMessage: deleteMessage(deps),
  restoreMessage: restoreMessage(deps),
})

export type SyncCommands = ReturnType<typeof syncCommands>
