import { AccountConnected } from '../../domain/accounts/events.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import { EmailSent, EmailQueued } from '../../domain/sending/events.ts'
import { MessageSynced } from '../../domain/sync/events.ts'
import { absenceAfter, isAbsent } from '../../domain/sync/absence.ts'
import { presenceChanges } from '../../domain/sync/presence-events.ts'
import { threadEvents } from '../../domain/sync/thread-events.ts'
import { projection } from '../projection.ts'
import { keyOf } from './messages.ts'
import { connect } from './thread-connections.ts'
import { mergeByHand, recount, split, undoMerge, undoSplit } from './thread-groups.ts'
import { connectedOf, enlisted, shownOf } from './thread-lists.ts'
import { partOfQueued, partOfSynced, type Part } from './thread-parts.ts'
import { tables, type Member, type ThreadRow, type ThreadRows } from './thread-tables.ts'
import { including, noTotals } from './thread-totals.ts'

/**
 * Threads within an account: messages belong together if Message-ID, References (RFC 5322 3.6.4) or the first
 * In-Reply-To connect them, in whatever order they come, unless strangers answer the same message. Subjects do not
 * count: two customers may both write "Offer". Nor does an id that an earlier message has with different content: some
 * forms give all their mail the same one. On top of that people merge and split threads as they want.
 */
export const threads = projection({
  name: 'threads',
  version: 4,
  tables,
  events: [MessageSynced, EmailQueued, EmailSent, AccountConnected, ...presenceChanges, ...threadEvents],
  fold: (event, rows) => {
    switch (event.type) {
      case 'AccountConnected': {
        const { accountId, address } = event.data
        return rows.put('own', { account_id: accountId, address: normaliseAddress(address) })
      }
      case 'EmailQueued':
        return rows.put('outgoing', {
          id: event.data.outgoingId,
          joined: false,
          part: partOfQueued(event.data),
        })
      case 'EmailSent':
        return joinOwn(rows, event.data.outgoingId, event.data.sentAt)
      case 'MessageSynced': {
        const { outgoingId, messageId, receivedAt } = event.data
        if (outgoingId === null) return join(rows, messageId, partOfSynced(event.data), receivedAt)
        return joinOwn(rows, outgoingId, receivedAt, partOfSynced(event.data))
      }
      case 'MessageDeleted':
      case 'MessageRestored':
      case 'MessageHidden':
      case 'MessageShown': {
        const id = event.data.messageId
        const absence = absenceAfter(rows.get('absent', { id }), event)
        if (isAbsent(absence)) rows.put('absent', { id, ...absence })
        else rows.remove('absent', { id })
        return recountOf(rows, id)
      }
      case 'ThreadsMerged':
        return mergeByHand(rows, event.data)
      case 'ThreadMergeUndone':
        return undoMerge(rows, event.data)
      case 'ThreadSplit': {
        const { accountId, threadId, into, messageIds } = event.data
        return split(rows, threadId, emptyThread(into, accountId, event.metadata.occurredAt), messageIds)
      }
      case 'ThreadSplitUndone':
        return undoSplit(rows, event.data.threadId, event.data.into)
    }
  },
})

/** Joins once, by the ids it was sent with; its copy in the mailbox may have an id that a relay assigned. */
const joinOwn = (rows: ThreadRows, id: string, at: string, met?: Part): void => {
  const known = rows.get('outgoing', { id })
  const part = known?.part ?? met
  if (!part) throw new Error('EmailSent of an email that was not queued')
  if (known?.joined !== true) {
    rows.put('outgoing', { id, joined: true, part })
    join(rows, id, part, at)
  }
  const member = rows.get('member', { id })
  const thread = member && connectedOf(rows, member.thread_id)
  if (!met || met.messageId === part.messageId || !thread) return
  rows.put('member', { ...member, header_ids: [...new Set([...member.header_ids, keyOf(met.messageId)])] })
  const { thread: connected } = connect(
    rows,
    id,
    { ...part, messageId: met.messageId, references: [] },
    thread,
  )
  rows.put('thread', connected)
}

const join = (rows: ThreadRows, id: string, part: Part, at: string): void => {
  const { accountId, messageId, subject, people, snippet, direction, automatic } = part
  const own = emptyThread(`thr_${id.slice(4)}`, accountId, at)
  const { thread: natural, answers, split: splitInto } = connect(rows, id, part, own)
  rows.put('thread', natural)
  const thread = enlisted(rows, (splitInto !== null && rows.get('thread', { id: splitInto })) || natural, id)
  const member: Member = {
    id,
    thread_id: thread.id,
    natural: natural.id,
    split: splitInto,
    answers,
    account_id: accountId,
    at,
    header_ids: [keyOf(messageId)],
    shown: { subject, people, snippet, direction, automatic },
  }
  rows.put('member', member)
  rows.put('thread', thread)
  const shown = shownOf(rows, thread.id)
  if (shown && rows.get('absent', { id }) === undefined) rows.put('thread', including(shown, member))
}

/** A draft is in no thread. */
const recountOf = (rows: ThreadRows, id: string): void => {
  const member = rows.get('member', { id })
  const thread = member && shownOf(rows, member.thread_id)
  if (thread) recount(rows, thread)
}

const emptyThread = (id: string, account_id: string, at: string): ThreadRow => ({
  id,
  account_id,
  merged_into: null,
  by_hand: false,
  merged: [],
  connected: [],
  joined: [],
  joins: [],
  origins: {},
  listed: 0,
  size: 0,
  ...noTotals(at),
})
