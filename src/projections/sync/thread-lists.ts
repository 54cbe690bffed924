import { including, noTotals, type Totals } from './thread-totals.ts'
import { LIST_PART, type Member, type ThreadRow, type ThreadRows } from './thread-tables.ts'

/** The thread that messages have made this one part of. */
export const connectedOf = (rows: ThreadRows, id: string): ThreadRow | undefined => {
  let found = rows.get('thread', { id })
  while (found && found.merged_into !== null && !found.by_hand)
    found = rows.get('thread', { id: found.merged_into })
  return found
}

/** The thread that shows what is in this one. */
export const shownOf = (rows: ThreadRows, id: string): ThreadRow | undefined => {
  let found = rows.get('thread', { id })
  while (found && found.merged_into !== null) found = rows.get('thread', { id: found.merged_into })
  return found
}

/** A thread that shows others, and what is in it without them. */
export const groupOf = ({ id, joined }: ThreadRow): string[] => [id, ...joined]

/** The ids of all messages that are in this thread or in one that messages connect with it. */
const membersIn = (rows: ThreadRows, { id, connected }: ThreadRow): string[] =>
  [id, ...connected].flatMap((each) => ownList(rows, each))

export const ownList = (rows: ThreadRows, thread_id: string): string[] => {
  const { listed = 0 } = rows.get('thread', { id: thread_id }) ?? {}
  const parts = Math.ceil(listed / LIST_PART)
  return Array.from({ length: parts }, (_, part) => rows.get('list', { thread_id, part })?.ids ?? []).flat()
}

/** The thread with one message more in its own list. */
export const enlisted = (rows: ThreadRows, thread: ThreadRow, id: string): ThreadRow => {
  const part = Math.floor(thread.listed / LIST_PART)
  const ids = rows.get('list', { thread_id: thread.id, part })?.ids ?? []
  rows.put('list', { thread_id: thread.id, part, ids: [...ids, id] })
  return { ...thread, listed: thread.listed + 1, size: thread.size + 1 }
}

/** Takes a message out of the list that it is in. */
export const strike = (rows: ThreadRows, { id, thread_id }: Member): void => {
  const { listed = 0 } = rows.get('thread', { id: thread_id }) ?? {}
  for (let part = 0; part * LIST_PART < listed; part++) {
    const ids = rows.get('list', { thread_id, part })?.ids ?? []
    if (!ids.includes(id)) continue
    rows.put('list', { thread_id, part, ids: ids.filter((each) => each !== id) })
    const connected = connectedOf(rows, thread_id)
    if (connected) rows.put('thread', { ...connected, size: connected.size - 1 })
  }
}

/** What these threads show together, counted anew. */
export const totalsOf = (rows: ThreadRows, threads: readonly ThreadRow[]): Totals => {
  const members = threads
    .flatMap((each) => membersIn(rows, each))
    .filter((id) => rows.get('absent', { id }) === undefined)
    .flatMap((id) => rows.get('member', { id }) ?? [])
  const [first] = threads
  return members.reduce(including, noTotals(first?.first_at ?? ''))
}
