import type { AccessRights } from '../../domain/accounts/access-rights.ts'
import type { DomainEvent, RecordedEvent } from '../../domain/event.ts'
import { channelsOf, defaultSettings } from '../../domain/notifications/channels.ts'
import { notificationKind, type NotificationKind } from '../../domain/notifications/events.ts'
import {
  nothingWaits,
  tellAt,
  withCause,
  withoutCauses,
  type About,
  type Waiting,
} from '../../domain/notifications/gathering.ts'
import { mayBeTold } from '../../domain/notifications/may-be-told.ts'
import type { DueRows } from './due-tables.ts'

// Whom things concern, and what waits to be told to each of them.

type Caused = RecordedEvent<DomainEvent<string, { readonly accountId: string }>>

/** Those to whom an account matters. It may be open to everyone: of them those who have asked. */
export const audienceOf = (rows: DueRows, account_id: string, { owner, members }: AccessRights): string[] => [
  ...(owner.kind === 'user' ? [owner.userId] : []),
  ...members.map(({ userId }) => userId),
  ...(rows.get('asking', { account_id })?.users ?? []),
]

export const tellAudience = (rows: DueRows, event: Caused, kind: NotificationKind, about: About): void => {
  const account = rows.get('account', { id: event.data.accountId })
  if (account) tell(rows, event, kind, about, audienceOf(rows, account.id, account.rights))
}

/** What waits for somebody who may not be told of it any more. */
export const dropForbidden = (
  rows: DueRows,
  account_id: string,
  rights: AccessRights,
  users: readonly string[],
): void => {
  for (const user_id of users)
    for (const kind of notificationKind.options) {
      const row = rows.get('waiting', { user_id, kind, account_id })
      if (row?.tell_at && !mayBeTold(rights, user_id, kind))
        putWaiting(rows, user_id, kind, account_id, withoutCauses)
    }
}

export const tellWriter = (
  rows: DueRows,
  event: Caused,
  kind: NotificationKind,
  about: About & { outgoingId: string },
): void => {
  const writer = rows.get('writer', { outgoing_id: about.outgoingId })
  tell(rows, event, kind, about, writer ? [writer.user_id] : [])
}

export const tell = (
  rows: DueRows,
  { data: { accountId }, metadata: { actor }, position, recordedAt: at }: Caused,
  kind: NotificationKind,
  about: About,
  users: readonly string[],
): void => {
  const account = rows.get('account', { id: accountId })
  for (const userId of new Set(users)) {
    const settings = rows.get('settings', { user_id: userId })?.settings ?? defaultSettings
    const channels = channelsOf(settings, accountId, kind)
    const isOwnDoing = actor.kind === 'user' && actor.id === userId
    if (!account || channels.length === 0 || isOwnDoing || !mayBeTold(account.rights, userId, kind)) continue
    const cause = { position, at, about, channels }
    putWaiting(rows, userId, kind, accountId, (waiting) => withCause(waiting, cause))
  }
}

export const putWaiting = (
  rows: DueRows,
  user_id: string,
  kind: NotificationKind,
  account_id: string,
  change: (waiting: Waiting) => Waiting,
): void => {
  const key = { user_id, kind, account_id }
  const waiting = change(rows.get('waiting', key)?.waiting ?? nothingWaits)
  rows.put('waiting', { ...key, waiting, tell_at: tellAt(waiting) })
}
