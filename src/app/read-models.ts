import { accountProjections } from '../projections/accounts/accounts.ts'
import { analyticsProjections } from '../projections/analytics/analytics.ts'
import { conversationProjections } from '../projections/conversations/conversations.ts'
import { directoryProjections } from '../projections/directory/directory.ts'
import { assignmentProjections } from '../projections/assignment/assignment.ts'
import { auditProjections } from '../projections/audit/audit.ts'
import { linkingProjections } from '../projections/linking/linking.ts'
import type { AnyProjection } from '../projections/projection.ts'
import { notificationProjections } from '../projections/notifications/notifications.ts'
import { sendingProjections } from '../projections/sending/sending.ts'
import { syncProjections } from '../projections/sync/sync.ts'
import { templateProjections } from '../projections/templates/templates.ts'
import { timelineProjections } from '../projections/timeline/timeline.ts'
import { webhookProjections } from '../projections/webhooks/webhooks.ts'
import { trackingProjections } from '../projections/tracking/tracking.ts'

/** All read models. */
export const projections: readonly AnyProjection[] = [
  ...directoryProjections,
  ...accountProjections,
  ...sendingProjections,
  ...syncProjections,
  ...templateProjections,
  ...trackingProjections,
  ...analyticsProjections,
  ...auditProjections,
  ...linkingProjections,
  ...timelineProjections,
  ...webhookProjections,
  ...notificationProjections,
  ...conversationProjections,
  ...assignmentProjections,
]
