import type { RecordedEvent } from '../../domain/event.ts'
import type { PickEvent } from '../../domain/assignment/events.ts'
import { leftAsNobodyAvailable, leftToPeople, leftUnder, notLeft } from '../../domain/assignment/left-as.ts'
import type { Decision } from '../../domain/assignment/work.ts'
import type { ConversationEvent } from '../../domain/conversations/events.ts'
import { waitingSinceAfter } from '../../domain/conversations/waiting-since.ts'
import type { RowOf } from '../projection.ts'
import type { AssignmentRows, assignmentTables } from './tables.ts'

type Row = RowOf<typeof assignmentTables.conversation>

/** What of a conversation's own events concerns whose it is. */
export type FoldedConversationEvent = Extract<
  ConversationEvent,
  {
    readonly type:
      | 'ConversationOpened'
      | 'ConversationMessageReceived'
      | 'ConversationAnswered'
      | 'ConversationStatusChanged'
      | 'ConversationSnoozed'
      | 'ConversationWoken'
      | 'ConversationAssigned'
      | 'ConversationUnassigned'
      | 'ConversationMerged'
      | 'ConversationSeparated'
      | 'ConversationTookIn'
  }
>

export const foldConversation = (
  event: RecordedEvent<FoldedConversationEvent>,
  rows: AssignmentRows,
): void => {
  const { conversationId: id } = event.data
  const row = rows.get('conversation', { id })
  if (event.type === 'ConversationOpened') return put(rows, row, fresh(event.data, rows))
  if (!row) throw new Error(`${event.type} of a conversation that was not opened`)
  const waiting_since = waitingSinceAfter(event, row.status, row.waiting_since)
  put(rows, row, { ...row, ...changesBy(event, row, rows), waiting_since })
  const decision = decisionIn(event)
  if (decision) tell(event, decision, rows)
}

/** Keeps count of what each user has. */
const put = (rows: AssignmentRows, before: Row | undefined, after: Row): void => {
  rows.put('conversation', after)
  if (before) count(rows, before, -1)
  count(rows, after, 1)
}

const count = (rows: AssignmentRows, row: Row, by: 1 | -1): void => {
  const user_id = row.user_id ?? row.pick?.userId ?? null
  if (user_id === null || row.merged || row.status === 'closed') return
  const key = { account_id: row.account_id, user_id }
  const { open, unclosed } = rows.get('holding', key) ?? { open: 0, unclosed: 0 }
  rows.put('holding', {
    ...key,
    open: open + (row.status === 'open' ? by : 0),
    unclosed: unclosed + (row.user_id === null ? 0 : by),
  })
}

const fresh = (
  {
    conversationId: id,
    accountId: account_id,
    messageId: message_id,
    receivedAt,
    from,
  }: Extract<FoldedConversationEvent, { readonly type: 'ConversationOpened' }>['data'],
  rows: AssignmentRows,
): Row => ({
  id,
  account_id,
  status: 'open',
  merged: false,
  opened_at: receivedAt,
  waiting_since: receivedAt,
  done_at: null,
  from_address: from,
  belongs_to: rows.get('answer', { message_id })?.user_id ?? null,
  user_id: null,
  first_user_id: null,
  pick: null,
  left_as: notLeft,
})

const changesBy = (
  event: RecordedEvent<FoldedConversationEvent>,
  row: Row,
  rows: AssignmentRows,
): Partial<Row> => {
  const at = event.metadata.occurredAt
  switch (event.type) {
    case 'ConversationOpened':
      return {}
    case 'ConversationMessageReceived': {
      const { messageId: message_id, from, status } = event.data
      const belongs_to = rows.get('answer', { message_id })?.user_id ?? row.belongs_to
      const from_address = from ?? row.from_address
      const isOther = from_address !== row.from_address || belongs_to !== row.belongs_to
      const anew = isOther && askedAnew(row, rows)
      return { ...being(status, row, at), from_address, belongs_to, ...anew }
    }
    case 'ConversationWoken':
      return being('open', row, at)
    case 'ConversationSnoozed':
      return being('snoozed', row, at)
    case 'ConversationAnswered':
    case 'ConversationStatusChanged':
      return being(event.data.status, row, at)
    case 'ConversationAssigned':
      return assigned(event.data.userId, row)
    case 'ConversationUnassigned':
      return { ...undecided, user_id: null, ...(event.data.by === 'person' && leftAlone(row, rows)) }
    case 'ConversationMerged':
      return { ...undecided, merged: true }
    case 'ConversationSeparated':
      return { merged: false }
    case 'ConversationTookIn': {
      const { status, assigneeId } = event.data
      return {
        ...being(status, row, at),
        ...(assigneeId === null ? { user_id: null } : assigned(assigneeId, row)),
      }
    }
  }
}

/** The rules leave it alone until they are changed, or it is opened again. */
const leftAlone = (row: Row, rows: AssignmentRows): Partial<Row> => ({
  left_as: leftToPeople(rulesRevisionOf(row, rows)),
})

/** Something else is known of it now: unless it was left to people, that may be of use. */
const askedAnew = (row: Row, rows: AssignmentRows): Partial<Row> =>
  leftUnder(rulesRevisionOf(row, rows), row.left_as) ? { left_as: notLeft } : {}

const rulesRevisionOf = ({ account_id }: Row, rows: AssignmentRows): number =>
  rows.get('account', { id: account_id })?.rules_revision ?? -1

const undecided = { pick: null, left_as: notLeft } as const

/** Another status takes back what was decided under the one before. */
const being = (status: string, row: Row, at: string): Partial<Row> =>
  status === row.status
    ? {}
    : { ...undecided, status, done_at: status === 'open' ? row.done_at : (row.done_at ?? at) }

const assigned = (user_id: string, row: Row): Partial<Row> => ({
  ...undecided,
  user_id,
  first_user_id: row.first_user_id ?? user_id,
})

/** What the rules decided is told where it was decided. */
const decisionIn = (event: FoldedConversationEvent): Decision | null => {
  if (event.type === 'ConversationUnassigned')
    return { type: event.type, data: { reason: event.data.reason } }
  if (event.type !== 'ConversationAssigned' || event.data.by === 'rules') return null
  const { userId, by, reason } = event.data
  return { type: event.type, data: { userId, by, detail: reason.detail } }
}

/** Notes a decision of the rules. */
export const foldPick = (event: RecordedEvent<PickEvent>, rows: AssignmentRows): void => {
  const { accountId, conversationId, rulesRevision } = event.data
  const account = rows.get('account', { id: accountId })
  if (!account) throw new Error(`${event.type} in an account that was not connected`)
  const row = rows.get('conversation', { id: conversationId })
  if (!row) throw new Error(`${event.type} of a conversation that was not opened`)
  tell(event, { type: event.type, data: event.data } as Decision, rows)
  account.revision = event.revision
  // What was assigned or answered meanwhile is decided already.
  const isUndecided = row.user_id === null && row.status === 'open' && !row.merged
  if (event.type === 'ConversationLeftUnassigned') {
    const left_as =
      event.data.reason === 'manual'
        ? leftToPeople(rulesRevision)
        : leftAsNobodyAvailable(rulesRevision, event.data)
    if (isUndecided) put(rows, row, { ...row, left_as })
  } else {
    const { userId, rule, detail, taken } = event.data
    const before = account.turns_revision === rulesRevision ? account.turns : {}
    account.turns = { ...before, ...Object.fromEntries(taken.map((each) => [each.userId, each.turns])) }
    account.turns_revision = rulesRevision
    if (isUndecided) put(rows, row, { ...row, ...undecided, pick: { userId, rule, detail } })
  }
  rows.put('account', account)
}

const tell = (event: RecordedEvent, decision: Decision, rows: AssignmentRows): void => {
  const { conversationId } = event.data as { readonly conversationId: string }
  const { position, metadata } = event
  rows.put('decision', { conversation_id: conversationId, position, at: metadata.occurredAt, decision })
}
