import { sql, type Kysely } from 'kysely'
import { EmailQueued } from '../../domain/sending/events.ts'
import { DigestMade, type DigestFigures } from '../../domain/notifications/digest-events.ts'
import { NotificationMailFailed, UserNotified, type Notified } from '../../domain/notifications/events.ts'
import { json, projection, table, tablesOf, text } from '../projection.ts'

/** What is to be mailed to a user: a notification, or the digest of a day. */
export type MailToWrite =
  | { readonly of: 'notification'; readonly notified: Notified }
  | { readonly of: 'digest'; readonly date: string; readonly figures: DigestFigures }

/** To do: emails to users that are not queued yet. */
export const notificationMails = projection({
  name: 'notification-mails',
  version: 1,
  tables: {
    mail: table({
      columns: { outgoing_id: text, position: text, user_id: text, mail: json<MailToWrite>() },
      key: ['outgoing_id'],
      indexes: ['(position COLLATE "C")'],
    }),
  },
  events: [UserNotified, DigestMade, EmailQueued, NotificationMailFailed],
  fold: (event, rows) => {
    const { position } = event
    switch (event.type) {
      case 'UserNotified': {
        const { userId: user_id, mailedAs: outgoing_id } = event.data
        if (outgoing_id === null) return
        const mail = { of: 'notification', notified: event.data } as const
        return rows.put('mail', { outgoing_id, position, user_id, mail })
      }
      case 'DigestMade': {
        const { userId: user_id, mailedAs: outgoing_id, date, figures } = event.data
        return rows.put('mail', { outgoing_id, position, user_id, mail: { of: 'digest', date, figures } })
      }
      case 'EmailQueued':
      case 'NotificationMailFailed':
        return rows.remove('mail', { outgoing_id: event.data.outgoingId })
    }
  },
})

export type DueMail = { readonly outgoingId: string; readonly userId: string; readonly mail: MailToWrite }

/** What is to be mailed, in the order in which it happened. */
export const mailsToWrite =
  (db: Kysely<unknown>) =>
  (limit: number): Promise<DueMail[]> =>
    tablesOf(db, notificationMails)
      .selectFrom('mail')
      .select(['outgoing_id as outgoingId', 'user_id as userId', 'mail'])
      .orderBy(sql`position collate "C"`)
      .limit(limit)
      .execute()
