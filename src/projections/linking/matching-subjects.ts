import type { EventOf, RecordedEvent } from '../../domain/event.ts'
import type { LinkEvent } from '../../domain/linking/events.ts'
import {
  isReference,
  keysOf,
  messageKey,
  peopleOf,
  referenceKey,
  referencesOf,
} from '../../domain/linking/keys.ts'
import type { WrittenMailbox } from '../../domain/mail.ts'
import type { EmailCancelled, EmailQueued, EmailSent } from '../../domain/sending/events.ts'
import { mayAnswer } from '../../domain/sync/answers.ts'
import type { MessageSynced } from '../../domain/sync/events.ts'
import type { RowOf } from '../projection.ts'
import type { matchingTables, MatchingRows } from './matching.ts'

type SubjectRow = RowOf<(typeof matchingTables)['subject']>
type MailEvent = EventOf<typeof MessageSynced | typeof EmailQueued | typeof EmailSent | typeof EmailCancelled>

/** Has messages ready to be matched once they were received or sent. */
export const foldMessage = (event: RecordedEvent<MailEvent>, rows: MatchingRows): void => {
  switch (event.type) {
    case 'EmailQueued': {
      const row = rowOfQueued(event.data)
      return putHeader(rows, row, event.data.header.messageId)
    }
    case 'EmailSent': {
      const row = rows.get('subject', { message_id: event.data.outgoingId })
      if (row?.position === null) rows.put('subject', { ...row, position: event.position })
      return
    }
    case 'EmailCancelled': {
      const row = rows.get('subject', { message_id: event.data.outgoingId })
      // If part of it was sent, only the rest was cancelled.
      if (row?.position !== null) return
      for (const header of row.headers)
        for (const deal_id of dealsAbout(row))
          rows.remove('deal', { header, message_id: row.message_id, deal_id })
      return rows.remove('subject', { message_id: row.message_id })
    }
    case 'MessageSynced': {
      const { outgoingId, messageId, header } = event.data
      const message_id = outgoingId ?? messageId
      const known = rows.get('subject', { message_id })
      const row = known ?? rowOfSynced(event.data, message_id)
      return putHeader(rows, { ...row, position: row.position ?? event.position }, header.messageId)
    }
  }
}

const dealsAbout = ({ subject }: SubjectRow): string[] =>
  subject.about.dealId === null ? [] : [subject.about.dealId]

/** A header that the message has, too; replies to it have the deal that it was written about. */
const putHeader = (rows: MatchingRows, row: SubjectRow, header: string): void => {
  const isNew = isReference(header) && !row.headers.includes(header)
  rows.put('subject', isNew ? { ...row, headers: [...row.headers, header] } : row)
  if (isNew)
    for (const deal_id of dealsAbout(row)) rows.put('deal', { header, message_id: row.message_id, deal_id })
}

type Part = {
  readonly messageId: string
  readonly accountId: string
  readonly people: readonly WrittenMailbox[]
  readonly references: readonly string[]
  readonly machine: boolean
  readonly about: { readonly contactId: string | null; readonly dealId: string | null }
}

const rowOf = (part: Part): SubjectRow => {
  const subject = { ...part, people: peopleOf(part.people), references: [...part.references] }
  return {
    message_id: part.messageId,
    account_id: part.accountId,
    position: null,
    keys: keysOf(subject),
    subject,
    headers: [],
  }
}

const rowOfSynced = (
  { accountId, header, automatic }: EventOf<typeof MessageSynced>['data'],
  messageId: string,
): SubjectRow =>
  rowOf({
    messageId,
    accountId,
    people: [...header.from, ...header.replyTo, ...header.to, ...header.cc],
    references: referencesOf(header.inReplyTo, header.references),
    machine: !mayAnswer(automatic),
    about: { contactId: null, dealId: null },
  })

const rowOfQueued = ({
  outgoingId,
  accountId,
  header,
  contactId,
  dealId,
}: EventOf<typeof EmailQueued>['data']): SubjectRow =>
  rowOf({
    messageId: outgoingId,
    accountId,
    people: [header.from, ...header.to, ...header.cc, ...header.bcc],
    references: referencesOf(header.inReplyTo === null ? [] : [header.inReplyTo], header.references),
    machine: false,
    about: { contactId, dealId },
  })

/** Notes under which keys something changed. */
export const touch = (rows: MatchingRows, keys: readonly string[], position: string): void => {
  for (const key of new Set(keys)) rows.put('changed_key', { key, position })
  if (keys.length > 0) rows.put('seen', { id: 'keys', position })
}

/**
 * What a decision about a deal, or the message's own result, has others look at again: the replies to the message where it
 * has a deal or lost it by hand; the message itself where something under its keys has changed since the result was made,
 * as whoever followed that up may not have known of the result.
 */
export const foldDeals = (event: RecordedEvent<LinkEvent>, rows: MatchingRows): void => {
  const { position } = event
  const { messageId: message_id } = event.data
  if (event.type === 'MessageMatched') {
    const { factsAt } = event.data
    const isAfter = (row: { readonly position: string } | undefined) =>
      row !== undefined && row.position > factsAt
    if (!isAfter(rows.get('seen', { id: 'keys' }))) return
    const keys = rows.get('subject', { message_id })?.keys ?? []
    if (keys.some((key) => isAfter(rows.get('changed_key', { key }))))
      touch(rows, [messageKey(message_id)], position)
    return
  }
  const { record } = event.data
  const row = record.kind === 'deal' ? rows.get('subject', { message_id }) : undefined
  if (!row) return
  const isAbout = row.subject.about.dealId === record.id
  const hasDeal = event.type === 'MessageLinked' || (event.type === 'LinkDecisionUndone' && isAbout)
  for (const header of row.headers) {
    const deal = { header, message_id, deal_id: record.id }
    if (hasDeal) rows.put('deal', deal)
    else rows.remove('deal', deal)
  }
  touch(rows, row.headers.map(referenceKey), position)
}
