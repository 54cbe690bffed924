import { mayUse, type Owner } from '../accounts/events.ts'
import type { NotificationKind } from './events.ts'

/** Whether a user may be told of this kind of thing in an account. */
export const mayBeTold = (owner: Owner, userId: string, _kind: NotificationKind): boolean =>
  mayUse(owner, userId)
