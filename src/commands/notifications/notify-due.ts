import { bundlesAt, type Waiting } from '../../domain/notifications/gathering.ts'
import { mayBeTold } from '../../domain/notifications/may-be-told.ts'
import type { NotificationKind, Notified } from '../../domain/notifications/events.ts'
import { notificationsStream, userNotifications } from '../../domain/notifications/user-notifications.ts'
import type { AccessRights } from '../../domain/accounts/access-rights.ts'
import { entityIdOfSource, systemCaller, type Handle } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import { pageByPage } from '../to-do-work.ts'
import { mailIdOf } from './mail-ids.ts'

type Due = {
  readonly userId: string
  readonly kind: NotificationKind
  readonly accountId: string
  readonly waiting: Waiting
}

export type NotifyDeps = {
  readonly handle: Handle
  readonly clock: Clock
  readonly dueNotifications: (now: Date, limit: number) => Promise<readonly Due[]>
  readonly findAccount: (id: string) => Promise<AccessRights | null>
}

const PAGE = 100

/**
 * Makes the notifications that are due. Whether the user may still be told is decided on the account's stream; who may not
 * any more is passed over until the list has heard of it too. What was told before a crash is in the user's stream, so it is
 * not told again.
 */
export const notifyDue = (deps: NotifyDeps) =>
  pageByPage(
    PAGE,
    (limit) => deps.dueNotifications(deps.clock(), limit),
    ({ userId, kind, accountId }) => `${userId} ${kind} ${accountId}`,
    async (due) => {
      const { userId, kind, accountId, waiting } = due
      const account = await deps.findAccount(accountId)
      if (!account || !mayBeTold(account, userId, kind)) return 'later'
      const now = deps.clock()
      const notifications = bundlesAt(waiting, now).map(({ about, gathered, upTo }): Notified => {
        const notificationId = entityIdOfSource('ntf', `${userId} ${kind} ${accountId} ${upTo}`)
        const channels = [...waiting.channels]
        const mailedAs = channels.includes('mail') ? mailIdOf(notificationId) : null
        const at = now.toISOString()
        return { notificationId, userId, kind, accountId, ...about, gathered, upTo, channels, mailedAs, at }
      })
      const command = { do: 'notify', after: waiting.toldUpTo, notifications } as const
      const stream = notificationsStream(userId, waiting.since.slice(0, 10))
      return deps.handle(
        userNotifications,
        stream,
        command,
        systemCaller('notifications', deps.clock, accountId),
      )
    },
  )
