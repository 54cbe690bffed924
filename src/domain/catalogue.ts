import { apiKeyEvents } from './access/events.ts'
import { accountEvents, defaultAccountEvents, MailboxClaimed } from './accounts/events.ts'
import { signInEvents } from './accounts/sign-in-events.ts'
import { conversationEvents, MailFollowed } from './conversations/events.ts'
import { assignmentEvents } from './assignment/events.ts'
import { directoryEvents } from './directory/events.ts'
import type { EventDefinition, EventOf } from './event.ts'
import { linkEvents, matchingEvents, senderEvents } from './linking/events.ts'
import { digestEvents } from './notifications/digest-events.ts'
import {
  AllNotificationsRead,
  notificationEvents,
  NotificationMailFailed,
  NotificationSettingsChanged,
} from './notifications/events.ts'
import { DeliveryReportRead, outgoingEvents } from './sending/events.ts'
import { backfillEvents, messageEvents, syncRunEvents } from './sync/events.ts'
import { patternRunEvents } from './sync/pattern-run-events.ts'
import { presenceEvents } from './sync/presence-events.ts'
import { threadEvents } from './sync/thread-events.ts'
import { templateEvents } from './templates/events.ts'
import { noteEvents } from './timeline/events.ts'
import { trackingEvents } from './tracking/events.ts'
import { webhookEvents } from './webhooks/events.ts'

export const allEvents = [
  ...directoryEvents,
  ...accountEvents,
  ...defaultAccountEvents,
  MailboxClaimed,
  ...signInEvents,
  ...syncRunEvents,
  ...messageEvents,
  ...backfillEvents,
  ...threadEvents,
  ...templateEvents,
  ...outgoingEvents,
  ...presenceEvents,
  ...patternRunEvents,
  DeliveryReportRead,
  ...trackingEvents,
  ...apiKeyEvents,
  ...linkEvents,
  ...senderEvents,
  ...matchingEvents,
  ...noteEvents,
  ...webhookEvents,
  ...notificationEvents,
  ...digestEvents,
  NotificationSettingsChanged,
  AllNotificationsRead,
  NotificationMailFailed,
  ...conversationEvents,
  MailFollowed,
  ...assignmentEvents,
] as const

/** Any event that this software can write. */
export type AnyEvent = EventOf<(typeof allEvents)[number]>

/** Every kind of event, by its name. */
export const catalogue: ReadonlyMap<string, EventDefinition> = new Map<string, EventDefinition>(
  allEvents.map((definition) => [definition.type, definition as EventDefinition]),
)
