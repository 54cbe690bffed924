import type { EventOf, Sentences } from '../event.ts'
import type { DigestEvent } from './digest-events.ts'
import type {
  AllNotificationsRead,
  NotificationEvent,
  NotificationKind,
  NotificationMailFailed,
  NotificationSettingsChanged,
} from './events.ts'

/** What happened, once and several times. */
const ofWhat: Readonly<Record<NotificationKind, readonly [one: string, several: string]>> = {
  'new-email': ['a new email', 'new emails'],
  assignment: ['a conversation assigned to them', 'conversations assigned to them'],
  mention: ['a note that mentions them', 'notes that mention them'],
  reply: ['a reply to their email', 'replies to their emails'],
  bounce: ['an email of theirs that bounced', 'emails of theirs that bounced'],
  'failed-send': ['an email of theirs that could not be sent', 'emails of theirs that could not be sent'],
  'sign-in-needed': ['an account that needs a new sign-in', 'times that an account needed a new sign-in'],
  'mailbox-nearly-full': ['a mailbox that is nearly full', 'times that a mailbox was nearly full'],
}

export const notificationSentences: Sentences<
  | NotificationEvent
  | DigestEvent
  | EventOf<typeof NotificationSettingsChanged>
  | EventOf<typeof AllNotificationsRead>
  | EventOf<typeof NotificationMailFailed>
> = {
  NotificationSettingsChanged: ({ userId }) => `The notification settings of the user ${userId} were changed`,
  UserNotified: ({ userId, kind, gathered }) =>
    `The user ${userId} was notified of ${gathered === 1 ? ofWhat[kind][0] : `${gathered} ${ofWhat[kind][1]}`}`,
  NotificationRead: ({ userId }) => `The user ${userId} read a notification`,
  AllNotificationsRead: ({ userId }) => `The user ${userId} read all notifications`,
  NotificationMailFailed: ({ userId, reason }) =>
    `A notification could not be mailed to the user ${userId} (${reason})`,
  DigestMade: ({ userId, date }) => `The digest of ${date} was made for the user ${userId}`,
  DigestSkipped: ({ userId, date }) =>
    `The user ${userId} got no digest of ${date}, since there was nothing to tell`,
}
