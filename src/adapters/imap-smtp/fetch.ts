import type { FetchMessageObject, ImapFlow } from 'imapflow'
import { portFlags } from './flags.ts'
import { messageLimit } from './message-limit.ts'
import type { Flagged } from './plan.ts'
import { failure, isRefusal, throttled } from './problems.ts'
import { batches, sequence } from './uid-sets.ts'

/** `receivedAt` in RFC 3339. */
export type FetchedMessage = Flagged & { readonly receivedAt: string; readonly raw: Buffer }

/** Larger messages stay where they are. */
export const MAX_MESSAGE_BYTES = 200 * 1024 * 1024
/** How often one `fetch` continues on a new connection after the server drops it. */
const MAX_RECONNECTS = 3

/** A connection, and how to replace it. */
export type Line = {
  client(): ImapFlow
  reconnect(): Promise<void>
  readonly signal: AbortSignal
}

export const flagsOf = (message: FetchMessageObject): string[] => portFlags(message.flags ?? [])

export const dateOf = (message: FetchMessageObject): Date => new Date(message.internalDate ?? Number.NaN)

const fetched = (message: FetchMessageObject, raw: Buffer): FetchedMessage => {
  const at = dateOf(message)
  return {
    uid: message.uid,
    flags: flagsOf(message),
    receivedAt: (Number.isNaN(at.getTime()) ? new Date(0) : at).toISOString(),
    raw,
  }
}

const rows = (client: ImapFlow, uids: readonly number[], query: Parameters<ImapFlow['fetch']>[1]) =>
  client.fetch(sequence(uids), { uid: true, ...query }, { uid: true })

const sources = async function* (client: ImapFlow, uids: readonly number[]): AsyncGenerator<FetchedMessage> {
  const wanted: number[] = []
  for await (const row of rows(client, uids, { size: true })) {
    if (uids.includes(row.uid) && (row.size ?? 0) <= MAX_MESSAGE_BYTES) wanted.push(row.uid)
  }
  if (wanted.length === 0) return
  const left = new Set(wanted)
  const query = { flags: true, internalDate: true, source: true }
  for await (const row of rows(
    client,
    wanted.toSorted((a, b) => a - b),
    query,
  )) {
    if (row.source !== undefined && left.delete(row.uid)) yield fetched(row, row.source)
  }
}

/**
 * A single corrupt message makes some servers refuse a whole batch, or hang up: the rest is then requested one by one.
 */
const patiently = async function* (
  line: Line,
  uids: readonly number[],
  budget: { reconnects: number },
): AsyncGenerator<FetchedMessage> {
  const left = new Set(uids)
  try {
    for await (const message of sources(line.client(), uids)) {
      left.delete(message.uid)
      yield message
    }
    return
  } catch (error) {
    const slower = throttled(error)
    if (slower !== null) throw slower
    if (!isRefusal(error)) {
      if (budget.reconnects === 0 || line.signal.aborted) throw failure(error)
      budget.reconnects -= 1
      await line.reconnect()
    }
  }
  if (uids.length > 1) for (const uid of left) yield* patiently(line, [uid], budget)
}

/** Messages of the open folder by their UIDs, in ranges; whatever the server does not return is left out. */
export const fetchMessages = async function* (
  line: Line,
  uids: readonly number[],
): AsyncGenerator<FetchedMessage> {
  const budget = { reconnects: MAX_RECONNECTS }
  for (const batch of batches(uids, messageLimit(line.client()))) yield* patiently(line, batch, budget)
}
