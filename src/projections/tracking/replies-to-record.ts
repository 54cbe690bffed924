import type { Kysely } from 'kysely'
import { normaliseMessageId } from '../../domain/mail.ts'
import { EmailQueued } from '../../domain/sending/events.ts'
import { mayAnswer } from '../../domain/sync/answers.ts'
import { MessageSynced } from '../../domain/sync/events.ts'
import { EmailReplied } from '../../domain/tracking/events.ts'
import { boolean, projection, table, tablesOf, text, timestamp, type Rows } from '../projection.ts'

/** A reply, once however many folders and accounts it was met in; `due` until it is recorded. */
const reply = table({
  columns: {
    outgoing_id: text,
    identity: text,
    account_id: text,
    message_id: text,
    from: text,
    at: timestamp,
    due: boolean,
  },
  key: ['outgoing_id', 'identity'],
  indexes: ['(at, message_id) WHERE due'],
})

const tables = {
  reply,
  /** Header Message-IDs of what we sent, those that a provider put in their place too. */
  sent: table({ columns: { header_id: text, outgoing_id: text, account_id: text }, key: ['header_id'] }),
  /** Which reply a message of the mailbox is. */
  incoming: table({ columns: { message_id: text, outgoing_id: text, identity: text }, key: ['message_id'] }),
}

/**
 * To do: incoming messages that name one of ours in In-Reply-To or References (RFC 5322 3.6.4), and that a person may
 * have written, of which it is not recorded yet that they are replies.
 */
export const repliesToRecord = projection({
  name: 'replies-to-record',
  version: 1,
  tables,
  events: [EmailQueued, MessageSynced, EmailReplied],
  fold: (event, rows) => {
    switch (event.type) {
      case 'EmailQueued': {
        const { outgoingId, accountId, header } = event.data
        return putSent(rows, header.messageId, outgoingId, accountId)
      }
      case 'MessageSynced':
        if (event.data.outgoingId !== null)
          putSent(rows, event.data.header.messageId, event.data.outgoingId, event.data.accountId)
        if (event.data.direction === 'in' && mayAnswer(event.data.automatic)) putReply(rows, event.data)
        return
      case 'EmailReplied': {
        const met = rows.get('incoming', { message_id: event.data.messageId })
        if (!met) return
        const { outgoing_id, identity } = met
        const row = rows.get('reply', { outgoing_id, identity })
        if (row) rows.put('reply', { ...row, due: false })
      }
    }
  },
})

type Synced = ReturnType<typeof MessageSynced>['data']

const putSent = (
  rows: Rows<typeof tables>,
  messageId: string,
  outgoingId: string,
  accountId: string,
): void => {
  const headerId = normaliseMessageId(messageId)
  if (headerId !== '')
    rows.put('sent', { header_id: headerId, outgoing_id: outgoingId, account_id: accountId })
}

const putReply = (
  rows: Rows<typeof tables>,
  { messageId, outgoingId, identity, header, receivedAt }: Synced,
): void => {
  // The newest ancestor is what is answered; all are looked up, so that one run finds every row.
  const ancestors = [...header.inReplyTo, ...header.references.toReversed()].map(normaliseMessageId)
  const known = ancestors.map((header_id) => rows.get('sent', { header_id }))
  const answered = known.find((row) => row !== undefined)
  if (!answered || answered.outgoing_id === outgoingId) return
  const { outgoing_id, account_id } = answered
  if (rows.get('reply', { outgoing_id, identity })) return
  rows.put('incoming', { message_id: messageId, outgoing_id, identity })
  const from = header.from[0]?.address ?? ''
  rows.put('reply', {
    outgoing_id,
    identity,
    account_id,
    message_id: messageId,
    from,
    at: receivedAt,
    due: true,
  })
}

/** A reply as it is to be recorded; `at` is when it arrived. */
export type ReplyToRecord = {
  readonly outgoingId: string
  readonly accountId: string
  readonly messageId: string
  readonly from: string
  readonly at: string
}

/** Replies that are not recorded yet, the earliest first. */
export const dueReplies =
  (db: Kysely<unknown>) =>
  (limit: number): Promise<ReplyToRecord[]> =>
    tablesOf(db, repliesToRecord)
      .selectFrom('reply')
      .select([
        'outgoing_id as outgoingId',
        'account_id as accountId',
        'message_id as messageId',
        'from',
        'at',
      ])
      .where('due', '=', true)
      .orderBy('at')
      .orderBy('message_id')
      .limit(limit)
      .execute()
