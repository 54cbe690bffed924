import type { AnyEvent } from '../catalogue.ts'
import { digestEvents, type DigestEvent } from './digest-events.ts'
import {
  AllNotificationsRead,
  NotificationMailFailed,
  NotificationSettingsChanged,
  notificationEvents,
  type NotificationEvent,
} from './events.ts'
import type { EventOf } from '../event.ts'

const single = [NotificationSettingsChanged, AllNotificationsRead, NotificationMailFailed] as const
type OfOneUser = NotificationEvent | DigestEvent | EventOf<(typeof single)[number]>

const types: ReadonlySet<string> = new Set(
  [...notificationEvents, ...digestEvents, ...single].map(({ type }) => type),
)

/** Whether the event concerns one user alone, whatever it is about. */
export const isOfOneUser = (event: AnyEvent): event is OfOneUser => types.has(event.type)

/** Whether its user is told of the event in the feed. A notification goes where the user wants to have it. */
export const isForFeed = (event: AnyEvent): boolean =>
  event.type !== 'UserNotified' || event.data.channels.includes('feed')

/** Whether webhook endpoints get the event. */
export const isForWebhooks = (event: AnyEvent): boolean =>
  event.type !== 'UserNotified' || event.data.channels.includes('webhook')
