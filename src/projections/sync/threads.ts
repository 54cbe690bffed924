import { normaliseAddress, type WrittenMailbox } from '../../domain/mail.ts'
import { EmailSent, EmailQueued } from '../../domain/sending/events.ts'
import { MessageSynced } from '../../domain/sync/events.ts'
import { presenceChanges } from '../../domain/sync/presence-events.ts'
import { canConnect } from '../../domain/sync/message-ids.ts'
import {
  boolean,
  integer,
  json,
  nullable,
  projection,
  table,
  text,
  timestamp,
  type RowOf,
  type Rows,
} from '../projection.ts'
import { keyOf } from './messages.ts'
import { partOfQueued, partOfSynced, type Part, type Shown } from './thread-parts.ts'

const thread = table({
  columns: {
    id: text,
    account_id: text,
    /** Set once it was found to be part of another thread, which lists it among `merged`. */
    merged_into: nullable(text),
    merged: json<string[]>(),
    /** All messages in it, in the order in which they came; the rest is about those that were not deleted. */
    ids: json<string[]>(),
    subject: text,
    snippet: text,
    direction: text,
    messages: integer,
    people: json<WrittenMailbox[]>(),
    first_at: timestamp,
    last_at: timestamp,
  },
  key: ['id'],
  indexes: [
    '(account_id, last_at DESC, id DESC) WHERE merged_into IS NULL AND messages > 0',
    '(account_id, direction, last_at DESC, id DESC) WHERE merged_into IS NULL AND messages > 0',
  ],
})
export type ThreadRow = RowOf<typeof thread>

const tables = {
  thread,
  /** The thread a Message-ID belongs to, and its message once that was seen. */
  node: table({
    columns: { account_id: text, message_id: text, thread_id: text, claimed_by: nullable(text) },
    key: ['account_id', 'message_id'],
  }),
  member: table({
    columns: { id: text, thread_id: text, account_id: text, at: timestamp, shown: json<Shown>() },
    key: ['id'],
    indexes: ['(thread_id, at, id)'],
  }),
  /** What was deleted. */
  absent: table({ columns: { id: text }, key: ['id'] }),
  /** Emails of ours since they were queued; they join when they are sent, or found in the mailbox. */
  outgoing: table({ columns: { id: text, joined: boolean, part: json<Part>() }, key: ['id'] }),
}

/**
 * Threads within an account: messages belong together if Message-ID, References (RFC 5322 3.6.4) or the first
 * In-Reply-To connect them, in whatever order they come. Subjects do not count: two customers may both write "Offer".
 * Nor does an id that an earlier message has with different content: some forms give all their mail the same one.
 */
export const threads = projection({
  name: 'threads',
  version: 3,
  tables,
  events: [MessageSynced, EmailQueued, EmailSent, ...presenceChanges],
  fold: (event, rows) => {
    switch (event.type) {
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
        rows.put('absent', { id: event.data.messageId })
        return recount(rows, event.data.messageId)
      case 'MessageRestored':
        rows.remove('absent', { id: event.data.messageId })
        return recount(rows, event.data.messageId)
    }
  },
})

/** Joins once, by the ids it was sent with; its copy in the mailbox may have an id that a relay assigned. */
const joinOwn = (rows: Rows<typeof tables>, id: string, at: string, met?: Part): void => {
  const known = rows.get('outgoing', { id })
  const part = known?.part ?? met
  if (!part) throw new Error('EmailSent of an email that was not queued')
  if (known?.joined !== true) {
    rows.put('outgoing', { id, joined: true, part })
    join(rows, id, part, at)
  }
  if (met && met.messageId !== part.messageId) {
    const member = rows.get('member', { id })
    const root = member && rootOf(rows, member.thread_id)
    const alias = { ...part, messageId: met.messageId, references: [] }
    if (root) rows.put('thread', connect(rows, nodesOf(rows, alias), root))
  }
}

const join = (rows: Rows<typeof tables>, id: string, part: Part, at: string): void => {
  const found = connect(rows, nodesOf(rows, part), emptyThread(id, part.accountId, at))
  const root = { ...found, ids: [...found.ids, id] }
  const { subject, people, snippet, direction } = part
  const member = {
    id,
    thread_id: root.id,
    account_id: part.accountId,
    at,
    shown: { subject, people, snippet, direction },
  }
  rows.put('member', member)
  rows.put('thread', rows.get('absent', { id }) ? root : including(root, member))
}

type Member = RowOf<typeof tables.member>

/** The thread with one message more. */
const including = (root: ThreadRow, { at, shown }: Member): ThreadRow => {
  const isOnly = root.messages === 0
  const isFirst = isOnly || at < root.first_at
  const isLast = isOnly || at >= root.last_at
  return {
    ...root,
    messages: root.messages + 1,
    people: together(root.people, shown.people),
    ...(isFirst && { first_at: at, subject: shown.subject }),
    ...(isLast && { last_at: at, snippet: shown.snippet, direction: shown.direction }),
  }
}

/** The thread of a message that has come into the lists or out of them. A draft is in no thread. */
const recount = (rows: Rows<typeof tables>, id: string): void => {
  const of = rows.get('member', { id })
  const root = of && rootOf(rows, of.thread_id)
  if (!root) return
  const there = root.ids.filter((each) => rows.get('absent', { id: each }) === undefined)
  const members = there.flatMap((each) => rows.get('member', { id: each }) ?? [])
  rows.put('thread', members.reduce(including, { ...root, ...nothing }))
}

type Node = Omit<RowOf<typeof tables.node>, 'thread_id'> & { thread_id: string | null }

/** The ids by which a message connects; its own, unless an earlier message has it with different content. */
const nodesOf = (
  rows: Rows<typeof tables>,
  { accountId: account_id, messageId, references, copyOf }: Part,
): Node[] => {
  const ids = [...new Set([messageId, ...references].filter(canConnect).map(keyOf))]
  return ids.flatMap((message_id) => {
    const known = rows.get('node', { account_id, message_id })
    const node = {
      account_id,
      message_id,
      thread_id: known?.thread_id ?? null,
      claimed_by: known?.claimed_by ?? null,
    }
    if (message_id !== keyOf(messageId)) return [node]
    if (node.claimed_by !== null && node.claimed_by !== copyOf) return []
    return [{ ...node, claimed_by: copyOf }]
  })
}

/** Union-find by size: old threads keep their rows and point to the one that they are part of now. */
const connect = (rows: Rows<typeof tables>, nodes: readonly Node[], own: ThreadRow): ThreadRow => {
  const roots = new Map(own.ids.length > 0 ? [[own.id, own]] : [])
  for (const thread_id of new Set(nodes.flatMap((node) => node.thread_id ?? []))) {
    const found = rootOf(rows, thread_id)
    if (found) roots.set(found.id, found)
  }
  const [first, ...others] = [...roots.values()].toSorted(
    (a, b) => b.ids.length - a.ids.length || (a.id < b.id ? -1 : 1),
  )
  const root = others.reduce((into, other) => absorb(rows, into, other), first ?? own)
  for (const node of nodes) rows.put('node', { ...node, thread_id: root.id })
  return root
}

const rootOf = (rows: Rows<typeof tables>, id: string): ThreadRow | undefined => {
  let found = rows.get('thread', { id })
  while (found && found.merged_into !== null) found = rows.get('thread', { id: found.merged_into })
  return found
}

const absorb = (rows: Rows<typeof tables>, into: ThreadRow, other: ThreadRow): ThreadRow => {
  rows.put('thread', { ...other, merged_into: into.id, merged: [], ids: [] })
  const [first, second] = into.messages === 0 ? [other, into] : [into, other]
  const older = second.messages === 0 || first.first_at <= second.first_at ? first : second
  const newer = second.messages === 0 || first.last_at > second.last_at ? first : second
  return {
    ...into,
    merged: [...into.merged, other.id, ...other.merged],
    ids: [...into.ids, ...other.ids],
    messages: into.messages + other.messages,
    people: together(into.people, other.people),
    subject: older.subject,
    first_at: older.first_at,
    last_at: newer.last_at,
    snippet: newer.snippet,
    direction: newer.direction,
  }
}

const PEOPLE = 50

const together = (known: readonly WrittenMailbox[], more: readonly WrittenMailbox[]): WrittenMailbox[] => {
  const byAddress = new Map<string, WrittenMailbox>()
  for (const person of [...known, ...more]) {
    const address = normaliseAddress(person.address)
    if (address !== '' && !byAddress.has(address) && byAddress.size < PEOPLE) byAddress.set(address, person)
  }
  return [...byAddress.values()]
}

/** What a thread shows in which no message is left. */
const nothing = { messages: 0, people: [], subject: '', snippet: '', direction: 'in' }

const emptyThread = (id: string, account_id: string, at: string): ThreadRow => ({
  id: `thr_${id.slice(4)}`,
  account_id,
  merged_into: null,
  merged: [],
  ids: [],
  ...nothing,
  first_at: at,
  last_at: at,
})
