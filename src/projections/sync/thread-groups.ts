import { connectedOf, enlisted, groupOf, ownList, shownOf, strike, totalsOf } from './thread-lists.ts'
import type { HandMerge, Member, ThreadRow, ThreadRows } from './thread-tables.ts'

/** Makes one of those of these threads that people have merged, and shows the others alone. */
export const regroup = (rows: ThreadRows, ids: readonly string[], merges: readonly HandMerge[]): void => {
  const joins = [...new Map(merges.map((each) => [each.change, each])).values()]
  const left = new Set(ids)
  for (const id of ids) {
    if (!left.delete(id)) continue
    const group = [id]
    for (const each of group)
      for (const next of neighboursOf(rows, each, joins)) if (left.delete(next)) group.push(next)
    const threads = group.flatMap((each) => rows.get('thread', { id: each }) ?? [])
    const [top, ...others] = threads.toSorted((a, b) => b.size - a.size || (a.id < b.id ? -1 : 1))
    if (!top) continue
    for (const other of others)
      rows.put('thread', { ...other, merged_into: top.id, by_hand: true, merged: [], joined: [], joins: [] })
    rows.put('thread', {
      ...top,
      merged_into: null,
      by_hand: false,
      joined: others.map((other) => other.id),
      joins: joins.filter(({ threadId }) => group.includes(connectedOf(rows, threadId)?.id ?? '')),
      merged: [...top.connected, ...others.flatMap((other) => [other.id, ...other.connected])],
      ...totalsOf(rows, [top, ...others]),
    })
  }
}

const neighboursOf = (rows: ThreadRows, id: string, joins: readonly HandMerge[]): string[] =>
  joins.flatMap(({ threadId, other }) => {
    const [one, another] = [connectedOf(rows, threadId)?.id, connectedOf(rows, other)?.id]
    return one === id ? (another ?? []) : another === id ? (one ?? []) : []
  })

/** Counts anew what a thread shows, such as when one of its messages was deleted. */
export const recount = (rows: ThreadRows, thread: ThreadRow): void => {
  const shown = shownOf(rows, thread.id)
  if (shown) regroup(rows, groupOf(shown), shown.joins)
}

export const mergeByHand = (rows: ThreadRows, merge: HandMerge): void => {
  const tops = [shownOf(rows, merge.threadId), shownOf(rows, merge.other)].flatMap((top) => top ?? [])
  regroup(rows, [...new Set(tops.flatMap(groupOf))], [...tops.flatMap(({ joins }) => joins), merge])
}

export const undoMerge = (rows: ThreadRows, { threadId, change }: Omit<HandMerge, 'other'>): void => {
  const top = shownOf(rows, threadId)
  if (top)
    regroup(
      rows,
      groupOf(top),
      top.joins.filter((each) => each.change !== change),
    )
}

/** Splits messages off into this thread, which is new. */
export const split = (
  rows: ThreadRows,
  from: string,
  into: ThreadRow,
  messageIds: readonly string[],
): void => {
  const top = shownOf(rows, from)
  if (!top) return
  rows.put('thread', into)
  const origins: Record<string, string | null> = {}
  for (const id of messageIds) {
    const member = rows.get('member', { id })
    if (!member) continue
    origins[id] = member.split
    move(rows, member, into.id)
  }
  const grown = rows.get('thread', { id: into.id }) ?? into
  rows.put('thread', { ...grown, origins })
  regroup(rows, [into.id], [])
  recount(rows, top)
}

/**
 * Puts the messages of a split thread back where they were split from, and beside them what has answered them since.
 * The thread leads on to the one that it was split from.
 */
export const undoSplit = (rows: ThreadRows, threadId: string, id: string): void => {
  const thread = rows.get('thread', { id })
  const top = shownOf(rows, id)
  const home = connectedOf(rows, threadId)
  if (!thread || !top || !home) return
  const touched = new Set([...groupOf(top), home.id])
  const moves = ownList(rows, id).flatMap((each) => {
    const member = rows.get('member', { id: each })
    return member ? [{ member, into: originFor(rows, member, thread) }] : []
  })
  for (const { member, into } of moves) touched.add(move(rows, member, into))
  // Before the thread leads on: it may be the one that shows where it leads.
  const tops = [...touched].flatMap((each) => shownOf(rows, each) ?? [])
  const group = new Set([...touched, ...tops.flatMap(groupOf)])
  group.delete(id)
  const empty = { ...(rows.get('thread', { id }) ?? thread), merged: [], joined: [], joins: [] }
  rows.put('thread', { ...empty, merged_into: home.id, by_hand: false })
  const heir = rows.get('thread', { id: home.id }) ?? home
  rows.put('thread', { ...heir, connected: [...heir.connected, id] })
  regroup(rows, [...group], [...top.joins, ...tops.flatMap(({ joins }) => joins)])
}

/** The split thread that a message was in before this one, if that was not undone as well. */
const originOf = (rows: ThreadRows, messageId: string, id: string): string | null => {
  const origin = rows.get('thread', { id })?.origins[messageId] ?? null
  if (origin === null) return null
  const { merged_into = null, by_hand = false } = rows.get('thread', { id: origin }) ?? {}
  return merged_into === null || by_hand ? origin : originOf(rows, messageId, origin)
}

/** The same for what came into a split thread because it answers what was in it. */
const originFor = (rows: ThreadRows, member: Member, from: ThreadRow): string | null => {
  for (let each: Member | undefined = member; each; each = answeredBy(rows, each))
    if (each.id in from.origins) return originOf(rows, each.id, from.id)
  return null
}

const answeredBy = (rows: ThreadRows, { account_id, answers }: Member): Member | undefined => {
  const { message = null } = (answers !== null && rows.get('node', { account_id, message_id: answers })) || {}
  return message === null ? undefined : rows.get('member', { id: message })
}

/**
 * Puts a message and the ids that name it into a split thread, or where messages connect it.
 * @returns the thread in whose list it is now
 */
const move = (rows: ThreadRows, member: Member, into: string | null): string => {
  strike(rows, member)
  const thread_id = into ?? connectedOf(rows, member.natural)?.id ?? member.natural
  const thread = rows.get('thread', { id: thread_id })
  if (thread) rows.put('thread', enlisted(rows, thread, member.id))
  rows.put('member', { ...member, thread_id, split: into })
  for (const message_id of member.header_ids) {
    const node = rows.get('node', { account_id: member.account_id, message_id })
    if (node) rows.put('node', { ...node, split: into })
  }
  return thread_id
}
