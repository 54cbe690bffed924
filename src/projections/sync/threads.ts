import type { EventOf } from '../../domain/event.ts'
import { normaliseAddress, type WrittenMailbox } from '../../domain/mail.ts'
import { EmailSent, EmailQueued } from '../../domain/sending/events.ts'
import { MessageSynced } from '../../domain/sync/events.ts'
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

const thread = table({
  columns: {
    id: text,
    account_id: text,
    /** Set once it was found to be part of another thread, which lists it among `merged`. */
    merged_into: nullable(text),
    merged: json<string[]>(),
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
    '(account_id, last_at DESC, id DESC) WHERE merged_into IS NULL',
    '(account_id, direction, last_at DESC, id DESC) WHERE merged_into IS NULL',
  ],
})
export type ThreadRow = RowOf<typeof thread>

/** What threads need to know about a message. */
type Part = {
  accountId: string
  messageId: string
  references: string[]
  /** The same in every copy of a message, whatever a list has added below its text. */
  copyOf: string
  subject: string
  people: WrittenMailbox[]
  snippet: string
  direction: string
}

const tables = {
  thread,
  /** The thread a Message-ID belongs to, and its message once that was seen. */
  node: table({
    columns: { account_id: text, message_id: text, thread_id: text, claimed_by: nullable(text) },
    key: ['account_id', 'message_id'],
  }),
  member: table({
    columns: { id: text, thread_id: text, account_id: text, at: timestamp },
    key: ['id'],
    indexes: ['(thread_id, at, id)'],
  }),
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
  version: 2,
  tables,
  events: [MessageSynced, EmailQueued, EmailSent],
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
  const root = connect(rows, nodesOf(rows, part), emptyThread(id, part, at))
  rows.put('member', { id, thread_id: root.id, account_id: part.accountId, at })
  rows.put('thread', {
    ...root,
    messages: root.messages + 1,
    people: together(root.people, part.people),
    subject: at < root.first_at ? part.subject : root.subject,
    first_at: at < root.first_at ? at : root.first_at,
    ...(at >= root.last_at && { last_at: at, snippet: part.snippet, direction: part.direction }),
  })
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
  const roots = new Map(own.messages > 0 ? [[own.id, own]] : [])
  for (const thread_id of new Set(nodes.flatMap((node) => node.thread_id ?? []))) {
    const found = rootOf(rows, thread_id)
    if (found) roots.set(found.id, found)
  }
  const [first, ...others] = [...roots.values()].toSorted(
    (a, b) => b.messages - a.messages || (a.id < b.id ? -1 : 1),
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
  rows.put('thread', { ...other, merged_into: into.id, merged: [] })
  const [older] = into.first_at <= other.first_at ? [into] : [other]
  const newer = into.last_at >= other.last_at ? into : other
  return {
    ...into,
    merged: [...into.merged, other.id, ...other.merged],
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

const emptyThread = (id: string, part: Part, at: string): ThreadRow => ({
  id: `thr_${id.slice(4)}`,
  account_id: part.accountId,
  merged_into: null,
  merged: [],
  subject: part.subject,
  snippet: part.snippet,
  direction: part.direction,
  messages: 0,
  people: [],
  first_at: at,
  last_at: at,
})

/** The oldest and the newest references: a hostile header may name thousands. */
const REFERENCES = 100

const referencesOf = (references: readonly string[], inReplyTo: readonly string[]): string[] => {
  const [oldest, ...rest] = references
  const kept = oldest === undefined ? [] : [oldest, ...rest.slice(-REFERENCES)]
  return [...kept, ...inReplyTo.slice(0, 1)]
}

/**
 * Author, time and subject; a message without a time is nobody's copy. Seconds, since a Date header has no finer
 * resolution.
 */
const copyOf = (id: string, from: string, at: string | null, subject: string): string =>
  at === null ? id : JSON.stringify([normaliseAddress(from), at.slice(0, 19), subject]).slice(0, 500)

const partOfSynced = (data: EventOf<typeof MessageSynced>['data']): Part => ({
  accountId: data.accountId,
  messageId: data.header.messageId,
  references: referencesOf(data.header.references, data.header.inReplyTo),
  copyOf: copyOf(data.messageId, data.header.from[0]?.address ?? '', data.sentAt, data.header.subject),
  subject: data.header.subject,
  people: [...data.header.from, ...data.header.to, ...data.header.cc],
  snippet: data.snippet,
  direction: data.direction,
})

const partOfQueued = ({
  outgoingId,
  accountId,
  header,
  snippet,
  notBefore,
}: EventOf<typeof EmailQueued>['data']): Part => ({
  accountId,
  messageId: header.messageId,
  references: referencesOf(header.references, header.inReplyTo === null ? [] : [header.inReplyTo]),
  copyOf: copyOf(outgoingId, header.from.address, notBefore, header.subject),
  subject: header.subject,
  people: [header.from, ...header.to, ...header.cc],
  snippet,
  direction: 'out',
})
