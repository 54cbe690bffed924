import type { ImapFlow } from 'imapflow'
import { normaliseMessageId } from '../../domain/mail.ts'
import { dateOf } from './fetch.ts'
import { messageLimit, windows } from './message-limit.ts'
import { unavailable } from './problems.ts'
import { batches, sequence } from './uid-sets.ts'

type Query = Exclude<Parameters<ImapFlow['search']>[0], boolean>

const DAY_MS = 24 * 60 * 60 * 1000

/** The server's answer to UID SEARCH; after some failures the library returns undefined or false instead of throwing. */
const searchedIn = async (client: ImapFlow, query: Query): Promise<number[]> => {
  const uids = await client.search(query, { uid: true })
  if (!Array.isArray(uids)) throw unavailable(client.usable ? 'command-refused' : 'connection-lost')
  return uids
}

/**
 * UIDs that a search finds, ascending: not all servers answer in order. `most`: how many messages are searched at the
 * most; as many as are in the folder unless given.
 */
const searched = async (client: ImapFlow, query: Query, most = Infinity): Promise<number[]> => {
  const messages = client.mailbox === false ? 0 : client.mailbox.exists
  const limit = messageLimit(client) ?? Infinity
  const found = new Set<number>()
  const parts =
    Math.min(most, messages) <= limit ? [query] : windows(messages, limit).map((seq) => ({ ...query, seq }))
  for (const part of parts) for (const uid of await searchedIn(client, part)) found.add(uid)
  return [...found].toSorted((a, b) => a - b)
}

/** UIDs from `from` on that arrived on or after `since` (all when null), ascending; `uidNext` is that of the folder. */
export const listUids = async (
  client: ImapFlow,
  { from, since, uidNext }: { from: number; since: Date | null; uidNext: number },
): Promise<number[]> => {
  const query = { uid: `${from}:*` }
  const most = Math.max(1, uidNext - from)
  const uids = since === null ? await searched(client, query, most) : await arrivedSince(client, query, since)
  // n:* includes the newest message even if its UID is below n (RFC 9051 6.4.9).
  return uids.filter((found) => found >= from)
}

/**
 * SINCE compares dates in the server's own time zone, so one day more is requested and then filtered by INTERNALDATE.
 */
const arrivedSince = async (client: ImapFlow, query: Query, since: Date): Promise<number[]> => {
  const surely = await searched(client, { ...query, since: new Date(since.getTime() + 2 * DAY_MS) })
  const known = new Set(surely)
  const candidates = await searched(client, { ...query, since: new Date(since.getTime() - DAY_MS) })
  const unsure = candidates.filter((candidate) => !known.has(candidate))
  for (const batch of batches(unsure, messageLimit(client))) {
    for await (const row of client.fetch(sequence(batch), { uid: true, internalDate: true }, { uid: true })) {
      if (dateOf(row) >= since) known.add(row.uid)
    }
  }
  return candidates.filter((candidate) => known.has(candidate))
}

/** UIDs of messages with this id in this header, ascending. */
export const findById = async (client: ImapFlow, header: string, id: string): Promise<number[]> => {
  const wanted = normaliseMessageId(id)
  if (wanted === '') return []
  // HEADER also matches parts of a value (RFC 9051 6.4.4), so each hit is checked.
  const hits = await searched(client, { header: { [header]: wanted } })
  const found: number[] = []
  for (const batch of batches(hits, messageLimit(client))) {
    const query = { uid: true, headers: [header] }
    for await (const row of client.fetch(sequence(batch), query, { uid: true })) {
      const value = fieldIn(row.headers?.toString('utf8') ?? '', header)
      if (normaliseMessageId(value) === wanted) found.push(row.uid)
    }
  }
  return found.toSorted((a, b) => a - b)
}

/** A field's body, folded or not (RFC 5322 2.2.3). Some servers hand out more fields than were asked for. */
const fieldIn = (headers: string, name: string): string =>
  new RegExp(`^${name}:(.*(?:\\r?\\n[ \\t].*)*)`, 'im').exec(headers)?.[1] ?? ''
