import { sql, type Kysely } from 'kysely'
import type { AccessRights } from '../../domain/accounts/access-rights.ts'
import {
  authorOf,
  countingAfter,
  countingEvents,
  isCountedAnswer,
  isCountedMessage,
  sentAtOf,
} from '../../domain/conversations/counted.ts'
import {
  ConversationAnswered,
  ConversationMessageReceived,
  ConversationOpened,
  ConversationReplyQueued,
  ConversationReplyWithdrawn,
  MailFollowed,
} from '../../domain/conversations/events.ts'
import {
  EmailCancelled,
  EmailFailed,
  EmailQueued,
  EmailRetried,
  EmailSent,
} from '../../domain/sending/events.ts'
import type { EventOf } from '../../domain/event.ts'
import { MessageSynced } from '../../domain/sync/events.ts'
import { threadEvents } from '../../domain/sync/thread-events.ts'
import {
  integer,
  json,
  nullable,
  projection,
  table,
  tablesOf,
  text,
  timestamp,
  type RowOf,
  type Rows,
} from '../projection.ts'

const tables = {
  /** `since`: from when on it is shared; null where it is not. */
  account: table({
    columns: { id: text, address: text, rights: json<AccessRights>(), since: nullable(timestamp) },
    key: ['id'],
  }),
  /**
   * Replies that conversations wait for. `reserved`: about to be queued; `ended`: cancelled or failed, and so to be
   * withdrawn.
   */
  reply: table({
    columns: {
      id: text,
      conversation_id: text,
      account_id: text,
      user_id: nullable(text),
      state: text,
      reserved_at: timestamp,
    },
    key: ['id'],
    indexes: ["(state, reserved_at) WHERE state IN ('reserved', 'ended')"],
  }),
  mail: table({
    columns: {
      id: text,
      account_id: text,
      kind: text,
      at: timestamp,
      /** Who wrote it: an address of a message, a user of an answer that was queued here. */
      author: nullable(text),
      /** The conversation in which an answer was queued; null of what is known by its thread alone. */
      conversation_id: nullable(text),
      position: text,
    },
    key: ['id'],
    indexes: ['(position)'],
  }),
  change: table({
    columns: { account_id: text, number: integer, thread_id: text, other: text, position: text },
    key: ['account_id', 'number'],
    indexes: ['(position)'],
  }),
}

/** To do: mail of shared accounts, and what people did to their threads, that conversations do not tell of yet. */
export const mailToFollow = projection({
  name: 'mail-to-follow',
  version: 2,
  tables,
  events: [
    ...countingEvents,
    MessageSynced,
    EmailQueued,
    EmailRetried,
    EmailCancelled,
    EmailFailed,
    EmailSent,
    ...threadEvents,
    ConversationOpened,
    ConversationMessageReceived,
    ConversationReplyQueued,
    ConversationReplyWithdrawn,
    ConversationAnswered,
    MailFollowed,
  ],
  fold: (event, rows) => {
    const { position } = event
    switch (event.type) {
      case 'AccountConnected':
      case 'AccountAccessGranted':
      case 'AccountAccessRevoked':
      case 'AccountOwnerChanged': {
        const { accountId: id } = event.data
        const account = countingAfter(rows.get('account', { id }) ?? null, event)
        if (account) rows.put('account', { id, ...account })
        return
      }
      case 'MessageSynced': {
        const { messageId: id, accountId: account_id, receivedAt } = event.data
        const account = rows.get('account', { id: account_id })
        if (!account || account.since === null) return
        const mail = { id, account_id, author: authorOf(event.data), conversation_id: null, position }
        if (isCountedMessage(event.data, account))
          rows.put('mail', { ...mail, kind: 'message', at: receivedAt })
        if (isCountedAnswer(event.data, account))
          rows.put('mail', { ...mail, kind: 'answer', at: sentAtOf(event.data) })
        return
      }
      case 'EmailQueued':
      case 'EmailRetried':
        return become(rows, event.data.outgoingId, 'queued')
      case 'EmailCancelled':
        return event.data.draft === null ? undefined : become(rows, event.data.outgoingId, 'ended')
      case 'EmailFailed':
        return become(rows, event.data.outgoingId, 'ended')
      case 'EmailSent': {
        const { outgoingId: id, sentAt: at } = event.data
        const reply = rows.get('reply', { id })
        if (!reply || reply.state === 'sent') return
        const { account_id, user_id: author, conversation_id } = reply
        become(rows, id, 'sent')
        return rows.put('mail', { id, account_id, kind: 'answer', at, author, conversation_id, position })
      }
      case 'ThreadsMerged':
      case 'ThreadMergeUndone': {
        const { accountId, change, threadId, other } = event.data
        return putChange(rows, accountId, { number: change, thread_id: threadId, other, position })
      }
      case 'ThreadSplit':
      case 'ThreadSplitUndone': {
        const { accountId, change, threadId, into: other } = event.data
        return putChange(rows, accountId, { number: change, thread_id: threadId, other, position })
      }
      case 'ConversationOpened':
      case 'ConversationMessageReceived':
        return rows.remove('mail', { id: event.data.messageId })
      case 'ConversationReplyQueued':
        return announce(rows, event.data)
      case 'ConversationReplyWithdrawn': {
        const { outgoingId: id, conversationId } = event.data
        return rows.get('reply', { id })?.conversation_id === conversationId
          ? rows.remove('reply', { id })
          : undefined
      }
      case 'ConversationAnswered': {
        const { messageId: id } = event.data
        rows.remove('mail', { id })
        return rows.remove('reply', { id })
      }
      case 'MailFollowed': {
        const { accountId: account_id, mail, threadChanges } = event.data
        for (const id of mail) rows.remove('mail', { id })
        for (const number of threadChanges) rows.remove('change', { account_id, number })
      }
    }
  },
})

const putChange = (
  rows: Rows<typeof tables>,
  account_id: string,
  change: Omit<RowOf<typeof tables.change>, 'account_id'>,
): void => {
  if (rows.get('account', { id: account_id })?.since) rows.put('change', { account_id, ...change })
}

/** One that moves to another conversation, as the message that it answers was split off, is what it was before. */
const announce = (
  rows: Rows<typeof tables>,
  {
    outgoingId: id,
    conversationId: conversation_id,
    accountId: account_id,
    userId: user_id,
    queuedAt: reserved_at,
  }: EventOf<typeof ConversationReplyQueued>['data'],
): void => {
  const before = rows.get('reply', { id })
  const isMoved = before !== undefined && before.conversation_id !== conversation_id
  const state = isMoved ? before.state : 'reserved'
  rows.put('reply', { id, conversation_id, account_id, user_id, state, reserved_at })
  const sent = rows.get('mail', { id })
  if (sent) rows.put('mail', { ...sent, conversation_id })
}

/** What was sent stays sent, though more recipients fail. */
const become = (rows: Rows<typeof tables>, id: string, state: 'queued' | 'ended' | 'sent'): void => {
  const reply = rows.get('reply', { id })
  if (reply && reply.state !== 'sent') rows.put('reply', { ...reply, state })
}

/** Mail to follow; `userId` is who sent an answer, `from` who wrote a message. `conversationId`: where it was queued. */
export type MailItem = { readonly id: string; readonly accountId: string; readonly at: string } & (
  | { readonly kind: 'message'; readonly from: string | null }
  | { readonly kind: 'answer'; readonly userId: string | null; readonly conversationId: string | null }
)

/** In the order of the log. */
export const mailToFollowOf =
  (db: Kysely<unknown>) =>
  async (limit: number): Promise<MailItem[]> => {
    const rows = await tablesOf(db, mailToFollow)
      .selectFrom('mail')
      .selectAll()
      .orderBy('position')
      .limit(limit)
      .execute()
    return rows.map(({ id, account_id: accountId, at, kind, author, conversation_id: conversationId }) =>
      kind === 'message'
        ? { id, accountId, at, kind, from: author }
        : { id, accountId, at, kind: 'answer', userId: conversationId && author, conversationId },
    )
  }

/** What people did to threads, in the order of the log. */
export const threadChangesToFollow =
  (db: Kysely<unknown>) =>
  (
    limit: number,
  ): Promise<{ accountId: string; number: number; threadId: string; other: string; position: string }[]> =>
    tablesOf(db, mailToFollow)
      .selectFrom('change')
      .select(['account_id as accountId', 'number', 'thread_id as threadId', 'other', 'position'])
      .orderBy('position')
      .limit(limit)
      .execute()

/** Replies that will not be sent, and those that were reserved before `before` and are not queued yet. */
export const repliesToWithdraw =
  (db: Kysely<unknown>) =>
  (before: Date, limit: number): Promise<{ outgoingId: string; conversationId: string }[]> =>
    tablesOf(db, mailToFollow)
      .selectFrom('reply')
      .select(['id as outgoingId', 'conversation_id as conversationId'])
      .where(
        sql<boolean>`state in ('reserved', 'ended')
          and (state = 'ended' or reserved_at < ${before.toISOString()}::timestamptz)`,
      )
      .orderBy('reserved_at')
      .limit(limit)
      .execute()
