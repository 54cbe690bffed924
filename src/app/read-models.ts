import { accountList } from '../projections/accounts/account-list.ts'
import { analyticsProjections } from '../projections/analytics/analytics.ts'
import { directoryProjections } from '../projections/directory/directory.ts'
import type { AnyProjection } from '../projections/projection.ts'
import { sendingProjections } from '../projections/sending/sending.ts'
import { messages } from '../projections/sync/messages.ts'
import { placements } from '../projections/sync/placements.ts'
import { syncErrors } from '../projections/sync/sync-errors.ts'
import { syncHistory } from '../projections/sync/sync-history.ts'
import { syncSchedule } from '../projections/sync/sync-schedule.ts'
import { syncStatus } from '../projections/sync/sync-status.ts'
import { threads } from '../projections/sync/threads.ts'
import { templateProjections } from '../projections/templates/templates.ts'
import { trackingProjections } from '../projections/tracking/tracking.ts'

/** All read models. */
export const projections: readonly AnyProjection[] = [
  ...directoryProjections,
  accountList,
  ...sendingProjections,
  messages,
  threads,
  placements,
  syncSchedule,
  syncStatus,
  syncHistory,
  syncErrors,
  ...templateProjections,
  ...trackingProjections,
  ...analyticsProjections,
]
