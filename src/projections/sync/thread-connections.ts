import { normaliseAddress, type WrittenMailbox } from '../../domain/mail.ts'
import { canConnect } from '../../domain/sync/message-ids.ts'
import { keyOf } from './messages.ts'
import { regroup } from './thread-groups.ts'
import { connectedOf, groupOf, shownOf } from './thread-lists.ts'
import type { Part } from './thread-parts.ts'
import type { Node, ThreadRow, ThreadRows } from './thread-tables.ts'
import { combined, PEOPLE } from './thread-totals.ts'

/**
 * The thread that the ids of this message connect it with: those that they connect become one. `own` is the thread that it
 * begins where they connect none. `split`: the thread that people have split what it answers off into.
 */
export const connect = (
  rows: ThreadRows,
  messageId: string,
  part: Part,
  own: ThreadRow,
): { readonly thread: ThreadRow; readonly answers: string | null; readonly split: string | null } => {
  const nodes = nodesOf(rows, part)
  const answered = nodes.findLast(({ isOwn }) => !isOwn)
  const chosen = withoutStrangers(rows, nodes, threadsOf(rows, nodes), part)
  const [first, ...others] = (own.size > 0 ? [own, ...chosen] : chosen).toSorted(
    (a, b) => b.size - a.size || (a.id < b.id ? -1 : 1),
  )
  const thread = others
    .filter(({ id }) => id !== first?.id)
    .reduce((into, other) => unite(rows, into, other), first ?? own)
  const split = answered?.split ?? null
  for (const { isOwn, connected, ...node } of nodes) {
    const isElsewhere = connected !== null && !chosen.some(({ id }) => id === connected)
    const thread_id = isElsewhere && !isOwn && node.thread_id !== null ? node.thread_id : thread.id
    rows.put('node', { ...node, thread_id, ...(isOwn && { split, message: messageId }) })
  }
  return { thread, answers: answered?.message_id ?? null, split }
}

type Id = Omit<Node, 'thread_id'> & {
  readonly thread_id: string | null
  /** The id of the thread that messages have made it part of. */
  readonly connected: string | null
  readonly isOwn: boolean
}

/**
 * The ids by which a message connects, that of the message it answers last; its own, unless an earlier message has it
 * with different content.
 */
const nodesOf = (
  rows: ThreadRows,
  { accountId: account_id, messageId, references, copyOf, direction }: Part,
): Id[] => {
  const answered = references.at(-1)
  const ids = [messageId, ...references.filter((id) => id !== answered), ...references.slice(-1)]
  return [...new Set(ids.filter(canConnect).map(keyOf))].flatMap((message_id) => {
    const known = rows.get('node', { account_id, message_id })
    const thread_id = known?.thread_id ?? null
    const node = {
      account_id,
      message_id,
      thread_id,
      split: known?.split ?? null,
      claimed_by: known?.claimed_by ?? null,
      ours: known?.ours ?? false,
      message: known?.message ?? null,
      connected: thread_id === null ? null : (connectedOf(rows, thread_id)?.id ?? null),
      isOwn: message_id === keyOf(messageId),
    }
    if (!node.isOwn) return [node]
    if (node.claimed_by !== null && node.claimed_by !== copyOf) return []
    return [{ ...node, claimed_by: copyOf, ours: direction === 'out' }]
  })
}

/** Each thread once, in the order of the ids. */
const threadsOf = (rows: ThreadRows, nodes: readonly Id[]): ThreadRow[] => {
  const ids = new Set(nodes.flatMap(({ connected }) => connected ?? []))
  return [...ids].flatMap((id) => rows.get('thread', { id }) ?? [])
}

/**
 * Strangers who answer one message of ours that both have received, such as a newsletter, do not read each other's mail:
 * whoever answers it must be one of the people of the thread. Somebody it was forwarded to answers the forwarded message,
 * which is not here. We answer whom we want.
 */
const withoutStrangers = (
  rows: ThreadRows,
  nodes: readonly Id[],
  threads: readonly ThreadRow[],
  part: Part,
): ThreadRow[] => {
  const answered = nodes.findLast(({ isOwn }) => !isOwn)
  if (!answered || (part.direction !== 'out' && !answered.ours)) return [...threads]
  const own = rows.get('own', { account_id: part.accountId })?.address
  const others = ({ people }: { readonly people: readonly WrittenMailbox[] }): string[] =>
    people.map(({ address }) => normaliseAddress(address)).filter((address) => address !== own)
  const here = others(part)
  const ownThread = nodes.find(({ isOwn }) => isOwn)?.connected
  const isWanted = (thread: ThreadRow): boolean => {
    if (thread.id === (part.direction === 'out' ? answered.connected : ownThread)) return true
    const there = others(shownOf(rows, thread.id) ?? thread)
    const isKnown = there.length > 0 && there.length < PEOPLE - 1 && here.length > 0
    return !isKnown || here.some((address) => there.includes(address))
  }
  return threads.filter(isWanted)
}

/** Union-find by size: threads keep their rows and point to the one that they are part of now. */
const unite = (rows: ThreadRows, into: ThreadRow, other: ThreadRow): ThreadRow => {
  const both = {
    ...into,
    connected: [...into.connected, other.id, ...other.connected],
    size: into.size + other.size,
  }
  const gone = {
    ...other,
    merged_into: into.id,
    by_hand: false,
    merged: [],
    connected: [],
    joined: [],
    joins: [],
  }
  const isPlain = (thread: ThreadRow): boolean => thread.merged_into === null && thread.joined.length === 0
  if (isPlain(into) && isPlain(other)) {
    rows.put('thread', gone)
    return { ...both, merged: [...both.connected], ...combined(into, other) }
  }
  const tops = [shownOf(rows, into.id), shownOf(rows, other.id)].flatMap((top) => top ?? [])
  rows.put('thread', gone)
  rows.put('thread', both)
  const group = new Set(tops.flatMap(groupOf))
  group.delete(other.id)
  regroup(
    rows,
    [...group],
    tops.flatMap(({ joins }) => joins),
  )
  return rows.get('thread', { id: into.id }) ?? both
}
