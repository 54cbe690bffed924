import { dayIn } from '../../domain/analytics/calendar-day.ts'
import { NotFound } from '../../domain/decider.ts'
import type { Organization, User } from '../../domain/directory/events.ts'
import type { DigestFigures } from '../../domain/notifications/digest-events.ts'
import type { Notified } from '../../domain/notifications/events.ts'
import {
  digestText,
  notificationText,
  type MailFacts,
  type MailText,
} from '../../domain/notifications/mail-text.ts'
import { mayBeTold } from '../../domain/notifications/may-be-told.ts'
import { notificationMail, notificationMailStream } from '../../domain/notifications/user-notifications.ts'
import { Refused, defineRefusal } from '../../domain/refusal.ts'
import type { AccessRights } from '../../domain/accounts/access-rights.ts'
import { systemCaller, type Caller, type Handle } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import { pageByPage } from '../to-do-work.ts'
import { digestKey, mailCommandOf } from './mail-ids.ts'

type ToWrite =
  | { readonly of: 'notification'; readonly notified: Notified }
  | { readonly of: 'digest'; readonly date: string; readonly figures: DigestFigures }
type DueMail = { readonly outgoingId: string; readonly userId: string; readonly mail: ToWrite }

export type WriteMailsDeps = {
  readonly handle: Handle
  readonly clock: Clock
  readonly mailsToWrite: (limit: number) => Promise<readonly DueMail[]>
  readonly directory: {
    readonly user: (id: string) => Promise<User | null>
    readonly organization: () => Promise<Organization | null>
  }
  readonly findAccount: (id: string) => Promise<(AccessRights & { readonly address: string }) | null>
  readonly messageFacts: (id: string) => Promise<MailFacts['message']>
  readonly emailFacts: (id: string) => Promise<MailFacts['email']>
  /** Queues an email that no person wrote. */
  readonly queue: (
    caller: Caller,
    email: MailText & {
      readonly accountId: string
      readonly to: { readonly name: string; readonly address: string }
    },
  ) => Promise<unknown>
}

const PAGE = 50

/**
 * Queues the emails that users are to get. Each is the same command whenever it is tried, so it is queued once. What cannot
 * be mailed is recorded, and not tried again: it would come too late.
 */
export const writeMails = (deps: WriteMailsDeps) =>
  pageByPage(
    PAGE,
    deps.mailsToWrite,
    ({ outgoingId }) => outgoingId,
    async (due) => {
      const { outgoingId, userId } = due
      try {
        await write(deps, due)
      } catch (error) {
        if (!(error instanceof Refused || error instanceof NotFound)) throw error
        const code = error instanceof Refused ? error.code : 'not-found'
        const failure = { outgoingId, userId, code, reason: error.message }
        const caller = systemCaller('notifications', deps.clock, outgoingId)
        await deps.handle(notificationMail, notificationMailStream(outgoingId), failure, caller)
      }
    },
  )

const cannotBeMailed = defineRefusal('notification-not-mailed', {
  title: 'Notification not mailed',
  meaning:
    'The organisation names no account from which notifications are mailed, the directory has no address of the user, or the user may not be told any more.',
  remedy:
    'Name the account in the organisation (notificationsFrom), and put the address of the user into the directory.',
})

const write = async (deps: WriteMailsDeps, { outgoingId, userId, mail }: DueMail): Promise<void> => {
  const [user, organization] = await Promise.all([deps.directory.user(userId), deps.directory.organization()])
  if (!organization?.notificationsFrom) throw cannotBeMailed({ detail: 'No account mails notifications.' })
  if (!user?.email) throw cannotBeMailed({ detail: 'The directory has no address of the user.' })
  const crmUrl = organization.crmUrl ?? null
  const text =
    mail.of === 'digest'
      ? digestOf(mail, user.timeZone ?? organization.timeZone, crmUrl)
      : await notificationOf(deps, mail.notified, crmUrl)
  const key = mail.of === 'digest' ? digestKey(userId, mail.date) : mail.notified.notificationId
  const caller = { ...systemCaller('notifications', deps.clock, outgoingId), commandId: mailCommandOf(key) }
  const to = { name: user.name, address: user.email }
  await deps.queue(caller, { ...text, accountId: organization.notificationsFrom, to })
}

const digestOf = (
  { date, figures }: Extract<ToWrite, { of: 'digest' }>,
  timeZone: string,
  crmUrl: string | null,
) => {
  const { unansweredSince } = figures
  return digestText(date, figures, unansweredSince === null ? null : dayIn(timeZone, unansweredSince), crmUrl)
}

const notificationOf = async (
  deps: WriteMailsDeps,
  { userId, kind, accountId, gathered, messageId, outgoingId }: Notified,
  crmUrl: string | null,
): Promise<MailText> => {
  const account = await deps.findAccount(accountId)
  if (!account || !mayBeTold(account, userId, kind))
    throw cannotBeMailed({ detail: 'The user may not be told any more.' })
  const [message, email] = await Promise.all([
    messageId === undefined ? null : deps.messageFacts(messageId),
    outgoingId === undefined ? null : deps.emailFacts(outgoingId),
  ])
  return notificationText(kind, gathered, { account: account.address, message, email, crmUrl })
}
