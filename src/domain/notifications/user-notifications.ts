import { NotFound, type Decider } from '../decider.ts'
import type { EventOf } from '../event.ts'
import {
  AllNotificationsRead,
  NotificationMailFailed,
  NotificationRead,
  UserNotified,
  type NotificationEvent,
  type Notified,
} from './events.ts'

// ---------------------------------------------------------------- state

/** A day's notifications of a user. `told`: by kind and account, up to which position. */
export type NotificationsState = {
  readonly told: Readonly<Record<string, string>>
  /** Whether each was read. */
  readonly read: Readonly<Record<string, boolean>>
}

// ---------------------------------------------------------------- commands

export type NotificationsCommand =
  /** All of one kind and account, in order. `after`: up to where that kind and account was told when they were put together. */
  | { readonly do: 'notify'; readonly after: string; readonly notifications: readonly Notified[] }
  | { readonly do: 'read'; readonly userId: string; readonly notificationId: string }

// ---------------------------------------------------------------- evolve

const evolve = (state: NotificationsState, event: NotificationEvent): NotificationsState => {
  switch (event.type) {
    case 'UserNotified': {
      const { notificationId, upTo } = event.data
      return {
        told: { ...state.told, [keyOf(event.data)]: upTo },
        read: { ...state.read, [notificationId]: state.read[notificationId] ?? false },
      }
    }
    case 'NotificationRead':
      return { ...state, read: { ...state.read, [event.data.notificationId]: true } }
  }
}

const keyOf = ({ kind, accountId }: Pick<Notified, 'kind' | 'accountId'>): string => `${kind} ${accountId}`

// ---------------------------------------------------------------- decide

const decide = (command: NotificationsCommand, state: NotificationsState): NotificationEvent[] => {
  switch (command.do) {
    case 'notify': {
      const [first] = command.notifications
      // Some of it was told since it was put together: it is put together anew.
      const isStale = first !== undefined && (state.told[keyOf(first)] ?? '') > command.after
      return isStale ? [] : command.notifications.map((each) => UserNotified(each))
    }
    case 'read': {
      const { notificationId, userId } = command
      const isRead = Object.hasOwn(state.read, notificationId) ? state.read[notificationId] : undefined
      if (isRead === undefined) throw new NotFound('notification', notificationId)
      return isRead ? [] : [NotificationRead({ notificationId, userId })]
    }
  }
}

export const userNotifications: Decider<NotificationsState, NotificationsCommand, NotificationEvent> = {
  initial: { told: {}, read: {} },
  evolve,
  decide,
}

/** `notifications-<userId>.<2026-01-31>`: a stream for each day, so that none grows without end. */
export const notificationsStream = (userId: string, day: string): string => `notifications-${userId}.${day}`

// ---------------------------------------------------------------- all of them at once

type ReadEvent = EventOf<typeof AllNotificationsRead>

export const readNotifications: Decider<
  { readonly upTo: string },
  { readonly userId: string; readonly upTo: string },
  ReadEvent
> = {
  initial: { upTo: '' },
  evolve: (_state, event) => ({ upTo: event.data.upTo }),
  decide: ({ userId, upTo }, state) => (upTo > state.upTo ? [AllNotificationsRead({ userId, upTo })] : []),
}

/** `notificationsread-<userId>` */
export const readNotificationsStream = (userId: string): string => `notificationsread-${userId}`

// ---------------------------------------------------------------- what could not be mailed

type FailedEvent = EventOf<typeof NotificationMailFailed>

export const notificationMail: Decider<{ readonly code: string }, FailedEvent['data'], FailedEvent> = {
  initial: { code: '' },
  evolve: (_state, event) => ({ code: event.data.code }),
  decide: (failure, { code }) => (failure.code === code ? [] : [NotificationMailFailed(failure)]),
}

/** `notificationmail-<outgoingId>` */
export const notificationMailStream = (outgoingId: string): string => `notificationmail-${outgoingId}`
