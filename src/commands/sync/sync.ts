import type { SyncDeps } from './ports.ts'
import { backfillCommands } from './backfill.ts'
import { deleteMessage, restoreMessage } from './delete-message.ts'
import { retryQuarantined } from './retry-quarantined.ts'
import { runSync } from './run-sync.ts'
import { skipQuarantined } from './skip-quarantined.ts'

/** What can be done to read mailboxes. */
export const syncCommands = (deps: SyncDeps) => ({
  run: runSync(deps),
  ...backfillCommands(deps),
  retryQuarantined: retryQuarantined(deps),
  skipQuarantined: skipQuarantined(deps),
  deleteMessage: deleteMessage(deps),
  restoreMessage: restoreMessage(deps),
})

export type SyncCommands = ReturnType<typeof syncCommands>
