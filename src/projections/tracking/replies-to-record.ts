import type { Kysely } from 'kysely'
import { AccountConnected } from '../../domain/accounts/events.ts'
import { UserRecorded, UserRemoved } from '../../domain/directory/events.ts'
import type { EventOf } from '../../domain/event.ts'
import { normaliseAddress, normaliseMessageId } from '../../domain/mail.ts'
import { EmailQueued } from '../../domain/sending/events.ts'
import { mayAnswer } from '../../domain/sync/answers.ts'
import { MessageSynced } from '../../domain/sync/events.ts'
import { isFromRecipient, type Answering } from '../../domain/tracking/answers.ts'
import { EmailReplied } from '../../domain/tracking/events.ts'
import {
  boolean,
  json,
  nullable,
  projection,
  table,
  tablesOf,
  text,
  timestamp,
  type Rows,
} from '../projection.ts'

/** A reply, once, in however many folders and accounts it was found; `due` until it is recorded. */
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

/**
 * A message that references others; the one it answers comes first. `copyOf`: it is an email of ours, found in a
 * mailbox.
 */
type Candidate = Answering & {
  readonly messageId: string
  readonly identity: string
  readonly copyOf: string | null
  readonly at: string
}

const tables = {
  reply,
  /** What we sent, from whom and to whom. */
  email: table({
    columns: { outgoing_id: text, account_id: text, sender: text, recipients: json<string[]>() },
    key: ['outgoing_id'],
  }),
  /** Header Message-IDs of what we sent, including those that a provider put in their place. */
  sent: table({ columns: { header_id: text, outgoing_id: text }, key: ['header_id'] }),
  /**
   * Messages that reference an id not known as ours yet: that a provider assigned it is known once the copy is found.
   */
  waiting: table({ columns: { header_id: text, candidates: json<Candidate[]>() }, key: ['header_id'] }),
  /** Which messages are replies, and to which email. */
  incoming: table({ columns: { message_id: text, outgoing_id: text, identity: text }, key: ['message_id'] }),
  answer: table({ columns: { identity: text, outgoing_id: text }, key: ['identity'] }),
  /** Addresses of our own people, by owner: what they write does not count as a reply. */
  own: table({ columns: { address: text, whose: json<string[]>() }, key: ['address'] }),
  user: table({ columns: { id: text, address: nullable(text) }, key: ['id'] }),
}
type TableRows = Rows<typeof tables>

/**
 * To do: incoming messages that reference an email of ours in In-Reply-To or References (RFC 5322 3.6.4), come from one
 * of its recipients or somebody of theirs, and are not recorded as replies yet.
 */
export const repliesToRecord = projection({
  name: 'replies-to-record',
  version: 3,
  tables,
  events: [EmailQueued, MessageSynced, EmailReplied, AccountConnected, UserRecorded, UserRemoved],
  fold: (event, rows) => {
    switch (event.type) {
      case 'AccountConnected':
        return putOwn(rows, event.data.address, event.data.accountId)
      case 'UserRecorded':
        return putUser(rows, event.data.userId, event.data.user.email ?? null)
      case 'UserRemoved':
        return putUser(rows, event.data.userId, null)
      case 'EmailQueued': {
        const { outgoingId, accountId, header, envelope } = event.data
        const { from: sender, recipients } = envelope
        rows.put('email', { outgoing_id: outgoingId, account_id: accountId, sender, recipients })
        return putSent(rows, header.messageId, outgoingId)
      }
      case 'MessageSynced': {
        const { outgoingId, header, direction, automatic } = event.data
        if (outgoingId !== null) putSent(rows, header.messageId, outgoingId)
        if (direction === 'in' && mayAnswer(automatic)) putCandidate(rows, event.data)
        return
      }
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

const putOwn = (rows: TableRows, written: string, by: string): void => {
  const address = normaliseAddress(written)
  const whose = rows.get('own', { address })?.whose ?? []
  if (!whose.includes(by)) rows.put('own', { address, whose: [...whose, by] })
}

const putUser = (rows: TableRows, userId: string, address: string | null): void => {
  const id = `user ${userId}`
  const before = rows.get('user', { id })?.address ?? null
  if (before !== null) {
    const whose = rows.get('own', { address: before })?.whose.filter((other) => other !== id) ?? []
    if (whose.length === 0) rows.remove('own', { address: before })
    else rows.put('own', { address: before, whose })
  }
  rows.put('user', { id, address: address === null ? null : normaliseAddress(address) })
  if (address !== null) putOwn(rows, address, id)
}

/** A Message-ID as a key: as much of it as an index takes, whatever a hostile sender writes. */
const keyOf = (written: string): string => normaliseMessageId(written).slice(0, 500)

/** Remembers the id, and looks again at messages that referenced it before it was known as ours. */
const putSent = (rows: TableRows, messageId: string, outgoing_id: string): void => {
  const header_id = keyOf(messageId)
  if (header_id === '' || rows.get('sent', { header_id })) return
  rows.put('sent', { header_id, outgoing_id })
  const waiting = rows.get('waiting', { header_id })
  if (!waiting) return
  rows.remove('waiting', { header_id })
  for (const candidate of waiting.candidates) answer(rows, candidate, outgoing_id)
}

/** A reply answers the latest ancestor; in a long thread only the last few are considered. */
const ANCESTORS = 20
/** At most this many messages wait for one id: if more reference it, it is not one of ours. */
const MOST_WAITING = 200

type Synced = EventOf<typeof MessageSynced>['data']

const putCandidate = (rows: TableRows, message: Synced): void => {
  const { header } = message
  const named = [...header.inReplyTo, ...header.references.toReversed()].map(keyOf)
  const ancestors = [...new Set(named)].slice(0, ANCESTORS)
  // All are looked up, so that a single run finds every row.
  const known = ancestors.map((header_id) => rows.get('sent', { header_id }))
  const answered = known.find((row) => row !== undefined)
  const candidate = candidateOf(message)
  if (answered) return answer(rows, candidate, answered.outgoing_id)
  for (const header_id of ancestors) {
    const candidates = rows.get('waiting', { header_id })?.candidates ?? []
    if (candidates.length < MOST_WAITING)
      rows.put('waiting', { header_id, candidates: [...candidates, candidate] })
  }
}

const candidateOf = ({
  messageId,
  outgoingId,
  identity,
  header,
  automatic,
  receivedAt,
}: Synced): Candidate => ({
  messageId,
  identity,
  copyOf: outgoingId,
  at: receivedAt,
  from: header.from,
  replyTo: header.replyTo,
  to: header.to,
  cc: header.cc,
  throughList: automatic !== null,
})

const answer = (rows: TableRows, candidate: Candidate, outgoing_id: string): void => {
  const { identity, messageId: message_id, at, copyOf } = candidate
  const email = rows.get('email', { outgoing_id })
  const known = rows.get('answer', { identity })
  const from = candidate.from[0]?.address ?? ''
  const isOurs = rows.get('own', { address: normaliseAddress(from) }) !== undefined
  if (!email || known || isOurs || copyOf === outgoing_id) return
  if (!isFromRecipient(candidate, email)) return
  const { account_id } = email
  rows.put('answer', { identity, outgoing_id })
  rows.put('incoming', { message_id, outgoing_id, identity })
  rows.put('reply', { outgoing_id, identity, account_id, message_id, from, at, due: true })
}

/** A reply to be recorded; `at` is when it arrived. */
export type ReplyToRecord = {
  readonly outgoingId: string
  readonly accountId: string
  readonly messageId: string
  readonly from: string
  readonly at: string
}

/** Replies that are not recorded yet, earliest first. */
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
