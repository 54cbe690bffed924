import type { SyncDeps } from './ports.ts'
import { backfillCommands } from './backfill.ts'
import { deleteMessage, restoreMessage } from './delete-message.ts'
import { applyPatterns, requestPatternRun, type PatternDeps } from './apply-patterns.ts'
import { previewPatterns } from './preview-patterns.ts'
import { retryQuarantined } from './retry-quarantined.ts'
import { threadCommands, type ThreadDeps } from './rearrange-threads.ts'
import { runSync } from './run-sync.ts'
import { showMessage, undoShowMessage, type ShowDeps } from './show-message.ts'
import { skipQuarantined } from './skip-quarantined.ts'

/** What can be done to read mailboxes. */
export const syncCommands = (deps: SyncDeps & ThreadDeps & PatternDeps & ShowDeps) => ({
  run: runSync(deps),
  ...backfillCommands(deps),
  ...threadCommands(deps),
  retryQuarantined: retryQuarantined(deps),
  skipQuarantined: skipQuarantined(deps),
  deleteMessage: deleteMessage(deps),
  restoreMessage: restoreMessage(deps),
  showMessage: showMessage(deps),
  undoShowMessage: undoShowMessage(deps),
  previewPatterns: previewPatterns(deps),
  requestPatternRun: requestPatternRun(deps),
  applyPatterns: applyPatterns(deps),
})

export type SyncCommands = ReturnType<typeof syncCommands>
