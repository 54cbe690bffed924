import { levelOf, may, type AccessRights } from '../accounts/access-rights.ts'
import type { NotificationKind } from './events.ts'

/** Whether a user may be told of this kind of thing in an account; of their own emails, whoever can write from it is. */
export const mayBeTold = (rights: AccessRights, userId: string, kind: NotificationKind): boolean => {
  switch (kind) {
    case 'new-email':
    case 'assignment':
    case 'mention':
      return may(rights, userId, 'read')
    case 'reply':
    case 'bounce':
    case 'failed-send':
      return levelOf(rights, userId) !== null
    // Only they can do something about it.
    case 'sign-in-needed':
    case 'mailbox-nearly-full':
      return may(rights, userId, 'full')
  }
}
