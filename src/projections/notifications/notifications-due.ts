import { sql, type Kysely } from 'kysely'
import { factEvents, factsAfter, freshFacts, type FactEvent } from '../../domain/accounts/account-facts.ts'
import { accountStatus } from '../../domain/accounts/account-status.ts'
import { rightsAfter, rightsOfOwner } from '../../domain/accounts/access-rights.ts'
import {
  AccountAccessGranted,
  AccountAccessRevoked,
  AccountConnected,
  AccountOwnerChanged,
} from '../../domain/accounts/events.ts'
import { ConversationAssigned, ConversationNoteAdded } from '../../domain/conversations/events.ts'
import { UserRecorded, UserRemoved } from '../../domain/directory/events.ts'
import type { EventOf, RecordedEvent } from '../../domain/event.ts'
import { defaultSettings } from '../../domain/notifications/channels.ts'
import {
  NotificationSettingsChanged,
  UserNotified,
  type NotificationKind,
} from '../../domain/notifications/events.ts'
import { afterNotified, newsSince, type Waiting } from '../../domain/notifications/gathering.ts'
import { EmailBounced, EmailQueued } from '../../domain/sending/events.ts'
import { MessageSynced } from '../../domain/sync/events.ts'
import { EmailReplied } from '../../domain/tracking/events.ts'
import { projection, tablesOf } from '../projection.ts'
import { tables, type DueRows } from './due-tables.ts'
import { audienceOf, dropForbidden, putWaiting, tell, tellAudience, tellWriter } from './tell.ts'

/**
 * To do: what users are to be notified of. An account's mail is for its owner, for its members, and for those whose settings
 * say something about the account; what became of an email is for whoever wrote it. Nobody is told of what they did
 * themselves.
 */
export const notificationsDue = projection({
  name: 'notifications-due',
  version: 3,
  tables,
  events: [
    AccountConnected,
    AccountAccessGranted,
    AccountAccessRevoked,
    AccountOwnerChanged,
    UserRecorded,
    UserRemoved,
    NotificationSettingsChanged,
    MessageSynced,
    EmailQueued,
    EmailReplied,
    EmailBounced,
    ConversationAssigned,
    ConversationNoteAdded,
    ...factEvents,
    UserNotified,
  ],
  fold: (event, rows) => {
    switch (event.type) {
      case 'AccountConnected': {
        const { accountId: id, owner } = event.data
        const connected_at = event.metadata.occurredAt
        const rights = rightsOfOwner(owner)
        return rows.put('account', { id, rights, connected_at, facts: freshFacts(event.data) })
      }
      case 'AccountAccessGranted':
      case 'AccountAccessRevoked':
      case 'AccountOwnerChanged': {
        const account = rows.get('account', { id: event.data.accountId })
        if (!account) return
        const rights = rightsAfter(account.rights, event)
        rows.put('account', { ...account, rights })
        const before = audienceOf(rows, account.id, account.rights)
        return dropForbidden(rows, account.id, rights, before)
      }
      case 'UserRecorded':
        return rows.remove('gone', { user_id: event.data.userId })
      case 'UserRemoved':
        return rows.put('gone', { user_id: event.data.userId })
      case 'NotificationSettingsChanged':
        return putSettings(rows, event.data)
      case 'EmailQueued':
        return putWriter(rows, event.data)
      case 'MessageSynced':
        if (isNews(rows, event.data))
          tellAudience(rows, event, 'new-email', { messageId: event.data.messageId })
        return
      case 'EmailReplied': {
        const { outgoingId, messageId } = event.data
        return tellWriter(rows, event, 'reply', { outgoingId, messageId })
      }
      case 'EmailBounced': {
        const { outgoingId, report, permanent } = event.data
        return permanent ? tellWriter(rows, event, 'bounce', { outgoingId, messageId: report }) : undefined
      }
      case 'ConversationAssigned': {
        const { conversationId, userId } = event.data
        return tell(rows, event, 'assignment', { conversationId }, [userId])
      }
      case 'ConversationNoteAdded': {
        const { conversationId, mentions, userId } = event.data
        const others = mentions.filter((mentioned) => mentioned !== userId)
        return tell(rows, event, 'mention', { conversationId }, others)
      }
      case 'UserNotified': {
        const { userId, kind, accountId } = event.data
        return putWaiting(rows, userId, kind, accountId, (waiting) => afterNotified(waiting, event.data))
      }
      case 'EmailFailed':
        tellWriter(rows, event, 'failed-send', { outgoingId: event.data.outgoingId })
        return putFacts(rows, event)
      case 'AccountAccessWithdrawn':
      case 'AccountConnectionChanged':
      case 'AccountConnectionTested':
      case 'AccountDisconnected':
      case 'AccountPaused':
      case 'AccountResumed':
      case 'AccountSettingsChanged':
      case 'EmailDeferred':
      case 'EmailSent':
      case 'MessageQuarantined':
      case 'QuarantinedMessageReleased':
      case 'QuarantinedMessageSkipped':
      case 'SyncRunFinished':
        return putFacts(rows, event)
    }
  },
})

const putSettings = (
  rows: DueRows,
  { userId, settings }: EventOf<typeof NotificationSettingsChanged>['data'],
): void => {
  const before = rows.get('settings', { user_id: userId })?.settings ?? defaultSettings
  rows.put('settings', { user_id: userId, settings })
  const now = settings.accounts.map(({ accountId }) => accountId)
  for (const account_id of new Set([...before.accounts.map(({ accountId }) => accountId), ...now])) {
    const others = (rows.get('asking', { account_id })?.users ?? []).filter((each) => each !== userId)
    rows.put('asking', { account_id, users: now.includes(account_id) ? [...others, userId] : others })
  }
}

const putWriter = (
  rows: DueRows,
  { outgoingId, accountId, userId, draft }: EventOf<typeof EmailQueued>['data'],
): void => {
  const owner = rows.get('account', { id: accountId })?.rights.owner
  const user_id = userId ?? (owner?.kind === 'user' ? owner.userId : null)
  // Nobody is notified of notifications.
  if (user_id !== null && !draft.automatic) rows.put('writer', { outgoing_id: outgoingId, user_id })
}

/** Whether it came after the account was connected, and a person wrote it. */
const isNews = (rows: DueRows, message: EventOf<typeof MessageSynced>['data']): boolean => {
  const { accountId, direction, automatic, backfill, receivedAt, outgoingId, placement } = message
  const account = rows.get('account', { id: accountId })
  return (
    account !== undefined &&
    direction === 'in' &&
    automatic === null &&
    backfill === undefined &&
    outgoingId === null &&
    placement.role !== 'junk' &&
    placement.role !== 'trash' &&
    receivedAt >= account.connected_at
  )
}

const putFacts = (rows: DueRows, event: RecordedEvent<FactEvent>): void => {
  const account = rows.get('account', { id: event.data.accountId })
  if (!account) return
  const facts = factsAfter(account.facts, event)
  rows.put('account', { ...account, facts })
  const needsSignIn = (of: typeof facts) => accountStatus(of, null).status === 'needs-reauthentication'
  if (needsSignIn(facts) && !needsSignIn(account.facts)) tellAudience(rows, event, 'sign-in-needed', {})
  if (facts.storage?.isNearlyFull && !account.facts.storage?.isNearlyFull)
    tellAudience(rows, event, 'mailbox-nearly-full', {})
}

/** What a user is to be told now of one kind and account. */
export type DueNotification = {
  readonly userId: string
  readonly kind: NotificationKind
  readonly accountId: string
  readonly waiting: Waiting
}

/** What is due and still news, longest due first. */
export const dueNotifications =
  (db: Kysely<unknown>) =>
  async (now: Date, limit: number): Promise<DueNotification[]> => {
    const rows = await tablesOf(db, notificationsDue)
      .selectFrom('waiting')
      .select([
        'user_id as userId',
        sql<NotificationKind>`kind`.as('kind'),
        'account_id as accountId',
        'waiting',
      ])
      .where('tell_at', '<=', now.toISOString())
      .where('tell_at', '>=', newsSince(now))
      .where((of) =>
        of.not(
          of.exists(
            of.selectFrom('gone').select('gone.user_id').whereRef('gone.user_id', '=', 'waiting.user_id'),
          ),
        ),
      )
      .orderBy('tell_at')
      .orderBy('user_id')
      .limit(limit)
      .execute()
    return rows
  }
