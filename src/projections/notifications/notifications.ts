import type { Kysely } from 'kysely'
import { digestReaders, digestReadersNow } from './digest-readers.ts'
import { findNotification, listNotifications, notificationList } from './notification-list.ts'
import { mailsToWrite, notificationMails } from './notification-mails.ts'
import { dueNotifications, notificationsDue } from './notifications-due.ts'

export const notificationProjections = [notificationsDue, notificationList, notificationMails, digestReaders]

/** What can be asked about notifications and digests. */
export const notificationQueries = (db: Kysely<unknown>) => ({
  readModels: { notificationsDue, notificationList, notificationMails, digestReaders },
  dueNotifications: dueNotifications(db),
  list: listNotifications(db),
  findNotification: findNotification(db),
  mailsToWrite: mailsToWrite(db),
  digestReaders: digestReadersNow(db),
})

export type NotificationQueries = ReturnType<typeof notificationQueries>
