import { accountList } from '../projections/accounts/account-list.ts'
import { engagement } from '../projections/analytics/engagement.ts'
import { directory } from '../projections/directory/directory.ts'
import type { AnyProjection } from '../projections/projection.ts'
import { deliveriesDue } from '../projections/sending/deliveries-due.ts'
import { drafts } from '../projections/sending/drafts.ts'
import { outbox } from '../projections/sending/outbox.ts'
import { reportsToRead } from '../projections/sending/reports-to-read.ts'
import { sendCounters } from '../projections/sending/send-counters.ts'
import { sentCopiesToFile } from '../projections/sending/sent-copies-to-file.ts'
import { messages } from '../projections/sync/messages.ts'
import { placements } from '../projections/sync/placements.ts'
import { syncErrors } from '../projections/sync/sync-errors.ts'
import { syncHistory } from '../projections/sync/sync-history.ts'
import { syncSchedule } from '../projections/sync/sync-schedule.ts'
import { syncStatus } from '../projections/sync/sync-status.ts'
import { threads } from '../projections/sync/threads.ts'
import { templateProjections } from '../projections/templates/templates.ts'
import { emailTimeline } from '../projections/tracking/email-timeline.ts'
import { repliesToRecord } from '../projections/tracking/replies-to-record.ts'

/** Every read model there is. */
export const projections: readonly AnyProjection[] = [
  directory,
  accountList,
  drafts,
  outbox,
  sendCounters,
  sentCopiesToFile,
  deliveriesDue,
  reportsToRead,
  messages,
  threads,
  placements,
  syncSchedule,
  syncStatus,
  syncHistory,
  syncErrors,
  ...templateProjections,
  emailTimeline,
  repliesToRecord,
  engagement,
]
