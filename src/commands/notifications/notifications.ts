import { NotFound } from '../../domain/decider.ts'
import type { User } from '../../domain/directory/events.ts'
import type { NotificationSettings } from '../../domain/notifications/events.ts'
import { settingsStream, userSettings } from '../../domain/notifications/notification-settings.ts'
import {
  readNotifications,
  readNotificationsStream,
  userNotifications,
} from '../../domain/notifications/user-notifications.ts'
import { userOf, type Caller, type Load } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import { makeDigests, type DigestDeps } from './make-digests.ts'
import { notifyDue, type NotifyDeps } from './notify-due.ts'
import { writeMails, type WriteMailsDeps } from './write-mails.ts'

export type NotificationDeps = NotifyDeps &
  DigestDeps &
  WriteMailsDeps & {
    readonly load: Load
    readonly findNotification: (id: string, userId: string) => Promise<{ readonly stream: string } | null>
    readonly directory: { readonly user: (id: string) => Promise<User | null> }
  }

/** What can be done about notifications. */
export const notificationCommands = (deps: NotificationDeps) => {
  /** To users, the settings of others do not exist. */
  const requireUser = async (userId: string, by: string | null): Promise<void> => {
    const isOthers = by !== null && by !== userId
    if (isOthers || !(await deps.directory.user(userId))) throw new NotFound('user', userId)
  }
  return {
    /** The settings from their stream, so never behind; `revision` is -1 while they are as at the beginning. @throws NotFound */
    settings: async (userId: string, by: string | null) => {
      await requireUser(userId, by)
      const { state, revision, position } = await deps.load(userSettings, settingsStream(userId))
      return { settings: state.settings, revision, position }
    },
    /** @throws NotFound, StaleRevision */
    changeSettings: async (
      caller: Caller,
      userId: string,
      settings: NotificationSettings,
      ifRevision?: IfRevision,
    ) => {
      await requireUser(userId, userOf(caller))
      return deps.handle(userSettings, settingsStream(userId), { userId, settings }, caller, { ifRevision })
    },
    /** @throws NotFound */
    read: async (caller: Caller, userId: string, notificationId: string) => {
      const found = await deps.findNotification(notificationId, userId)
      if (!found) throw new NotFound('notification', notificationId)
      return deps.handle(userNotifications, found.stream, { do: 'read', userId, notificationId }, caller, {
        insist: true,
      })
    },
    /** All that were made up to a position. */
    readAll: (caller: Caller, userId: string, upTo: string) =>
      deps.handle(readNotifications, readNotificationsStream(userId), { userId, upTo }, caller),
    notifyDue: notifyDue(deps),
    makeDigests: makeDigests(deps),
    writeMails: writeMails(deps),
  }
}

export type NotificationCommands = ReturnType<typeof notificationCommands>
