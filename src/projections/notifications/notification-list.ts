import { sql, type Kysely } from 'kysely'
import {
  AllNotificationsRead,
  NotificationRead,
  UserNotified,
  type NotificationKind,
} from '../../domain/notifications/events.ts'
import {
  integer,
  nullable,
  paged,
  projection,
  table,
  tablesOf,
  text,
  timestamp,
  type Page,
} from '../projection.ts'

/** The notifications of each user that are meant for the list. */
export const notificationList = projection({
  name: 'notification-list',
  version: 2,
  tables: {
    notification: table({
      columns: {
        id: text,
        user_id: text,
        /** The stream that it is in. */
        stream: text,
        position: text,
        kind: text,
        account_id: text,
        conversation_id: nullable(text),
        message_id: nullable(text),
        outgoing_id: nullable(text),
        gathered: integer,
        at: timestamp,
        read_at: nullable(timestamp),
      },
      key: ['id'],
      indexes: [
        '(position COLLATE "C", id)',
        '(user_id, position COLLATE "C", id)',
        '(user_id, position COLLATE "C", id) WHERE read_at IS NULL',
      ],
    }),
    /** Up to where a user had read everything when they said so, each time. */
    read: table({
      columns: { user_id: text, up_to: text, read_at: timestamp },
      key: ['user_id', 'up_to'],
    }),
  },
  events: [UserNotified, NotificationRead, AllNotificationsRead],
  fold: (event, rows) => {
    switch (event.type) {
      case 'UserNotified': {
        const { notificationId: id, userId: user_id, kind, accountId, gathered, at, channels } = event.data
        if (!channels.includes('feed')) return
        return rows.put('notification', {
          id,
          user_id,
          stream: event.stream,
          position: event.position,
          kind,
          account_id: accountId,
          conversation_id: event.data.conversationId ?? null,
          message_id: event.data.messageId ?? null,
          outgoing_id: event.data.outgoingId ?? null,
          gathered,
          at,
          read_at: null,
        })
      }
      case 'NotificationRead': {
        const row = rows.get('notification', { id: event.data.notificationId })
        return row && rows.put('notification', { ...row, read_at: event.metadata.occurredAt })
      }
      case 'AllNotificationsRead': {
        const { userId: user_id, upTo: up_to } = event.data
        return rows.put('read', { user_id, up_to, read_at: event.metadata.occurredAt })
      }
    }
  },
})

/** A notification as its user sees it. `readAt` is null while it is unread. */
export type NotificationItem = {
  readonly id: string
  readonly userId: string
  readonly position: string
  readonly kind: NotificationKind
  readonly accountId: string
  readonly conversationId: string | null
  readonly messageId: string | null
  readonly outgoingId: string | null
  readonly gathered: number
  readonly at: string
  readonly readAt: string | null
}

const position = sql`position collate "C"`

/** A user's notifications (null: everybody's), in the order in which they were made. */
export const listNotifications =
  (db: Kysely<unknown>) =>
  (userId: string | null, isUnread: boolean, page: Page): Promise<NotificationItem[]> => {
    const query = tablesOf(db, notificationList)
      .selectFrom('notification as n')
      .leftJoinLateral(
        (of) =>
          of
            .selectFrom('read')
            .select('read.read_at')
            .where(
              sql<boolean>`read.user_id = n.user_id collate "C" and read.up_to >= n.position collate "C"`,
            )
            .orderBy('read.up_to')
            .limit(1)
            .as('first'),
        (join) => join.onTrue(),
      )
      .select([
        'n.id',
        'n.user_id as userId',
        'position',
        sql<NotificationKind>`kind`.as('kind'),
        'account_id as accountId',
        'conversation_id as conversationId',
        'message_id as messageId',
        'outgoing_id as outgoingId',
        'gathered',
        'at',
        sql<string | null>`coalesce(n.read_at, first.read_at)`.as('readAt'),
      ])
      .$if(userId !== null, (of) => of.where('n.user_id', '=', userId))
      .$if(isUnread, (of) => of.where('n.read_at', 'is', null).where('first.read_at', 'is', null))
    return paged(query, { column: position, type: 'text', id: 'n.id' }, page).execute()
  }

/** In which stream a notification of this user is; null if there is none. */
export const findNotification =
  (db: Kysely<unknown>) =>
  async (id: string, userId: string): Promise<{ stream: string } | null> => {
    const row = await tablesOf(db, notificationList)
      .selectFrom('notification')
      .select('stream')
      .where('id', '=', id)
      .where('user_id', '=', userId)
      .executeTakeFirst()
    return row ?? null
  }
