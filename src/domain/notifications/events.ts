import { z } from 'zod'
import { accountId } from '../accounts/events.ts'
import { crmId } from '../directory/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { idOf } from '../ids.ts'
import { instant } from '../mail.ts'
import { outgoingId } from '../sending/events.ts'

export const notificationId = idOf('ntf').describe('Id of a notification')

/**
 * What people are notified of: mail that came in, a conversation that was assigned to them, a note that mentions them, a
 * reply to an email of theirs, one that bounced or could not be sent, an account that somebody has to sign in to, and a
 * mailbox that has hardly any room left.
 */
export const notificationKind = z.enum([
  'new-email',
  'assignment',
  'mention',
  'reply',
  'bounce',
  'failed-send',
  'sign-in-needed',
  'mailbox-nearly-full',
])
export type NotificationKind = z.infer<typeof notificationKind>

const notificationChannel = z.enum(['feed', 'webhook', 'mail'])
export type NotificationChannel = z.infer<typeof notificationChannel>

/** Each at most once, in a fixed order. */
const channels = z
  .array(notificationChannel)
  .max(10)
  .overwrite((asked) => notificationChannel.options.filter((channel) => asked.includes(channel)))
  .describe(
    '`feed`: the list of notifications and the feed; `webhook`: webhook endpoints; `mail`: an email; none: not at all',
  )

const chosen = z
  .array(z.object({ kind: notificationKind, channels }))
  .max(20)
  .refine((kinds) => new Set(kinds.map(({ kind }) => kind)).size === kinds.length, {
    error: 'has the same kind twice',
  })

export const notificationSettings = z.object({
  kinds: chosen.describe('How the user is notified of what; a kind that is left out is as at the beginning'),
  accounts: z
    .array(z.object({ accountId, kinds: chosen.describe('A kind that is left out is as for all accounts') }))
    .max(200)
    .refine((accounts) => new Set(accounts.map((each) => each.accountId)).size === accounts.length, {
      error: 'has the same account twice',
    })
    .describe('What is different for some accounts'),
  digest: z
    .object({
      isOn: z.boolean().describe('Whether the user gets an email about the day, once a day'),
      hour: z.int().min(0).max(23).describe("At which hour of the day, in the user's own time zone"),
    })
    .describe('The daily digest'),
})
export type NotificationSettings = z.infer<typeof notificationSettings>

/** In the stream `notificationsettings-<userId>`: the settings as they are from now on. */
export const NotificationSettingsChanged = defineEvent(
  'NotificationSettingsChanged',
  z.object({ userId: crmId, settings: notificationSettings }),
)

// In the stream `notifications-<userId>.<day>`, where the day is that of the first thing it tells of.

/**
 * A user is notified of one thing, or of several of one kind and account that came soon after each other (`gathered`): then
 * none of them is named. `upTo` is the position of the last of them. `mailedAs`: the email in which it goes out too.
 */
export const UserNotified = defineEvent(
  'UserNotified',
  z.object({
    notificationId,
    userId: crmId,
    kind: notificationKind,
    accountId,
    conversationId: idOf('thr').optional(),
    messageId: idOf('msg').optional(),
    outgoingId: outgoingId.optional(),
    gathered: z.int().min(1),
    upTo: z.string(),
    channels,
    mailedAs: outgoingId.nullable(),
    at: instant,
  }),
)
export const NotificationRead = defineEvent('NotificationRead', z.object({ notificationId, userId: crmId }))

/** In the stream `notificationsread-<userId>`: the user has read all notifications up to this position. */
export const AllNotificationsRead = defineEvent(
  'AllNotificationsRead',
  z.object({ userId: crmId, upTo: z.string() }),
)

/** In the stream `notificationmail-<outgoingId>`: what was to be mailed to the user could not be written. */
export const NotificationMailFailed = defineEvent(
  'NotificationMailFailed',
  z.object({ outgoingId, userId: crmId, code: z.string(), reason: z.string() }),
)

export const notificationEvents = [UserNotified, NotificationRead] as const
export type NotificationEvent = EventOf<(typeof notificationEvents)[number]>
export type Notified = EventOf<typeof UserNotified>['data']
