import type { ImapFlow } from 'imapflow'
import { flagsOf } from './fetch.ts'
import { messageLimit, windows } from './message-limit.ts'
import type { Flagged } from './plan.ts'
import { batches, sequence } from './uid-sets.ts'

/** UIDs with their flags, ascending, by one command for each range. */
const flagged = async (
  client: ImapFlow,
  ranges: readonly string[],
  options: { readonly uid: boolean; readonly changedSince?: bigint },
): Promise<Flagged[]> => {
  const found = new Map<number, string[]>()
  for (const range of ranges)
    for await (const row of client.fetch(range, { uid: true, flags: true }, options))
      found.set(row.uid, flagsOf(row))
  return [...found].toSorted(([a], [b]) => a - b).map(([uid, flags]) => ({ uid, flags }))
}

/** Those of these UIDs that are in the folder, with their flags, ascending. */
export const flagsAt = async (client: ImapFlow, uids: readonly number[]): Promise<Flagged[]> => {
  if (uids.length === 0) return []
  const limit = messageLimit(client)
  const all = new Set(uids)
  // One range costs the server less than a long list of UIDs, though it may have some that nobody asked for.
  const ranges =
    limit === null ? [`${Math.min(...uids)}:${Math.max(...uids)}`] : batches(uids, limit).map(sequence)
  return (await flagged(client, ranges, { uid: true })).filter(({ uid }) => all.has(uid))
}

/** UIDs whose flags have changed since one of the server's modification numbers, with their flags, ascending. */
export const flagsSince = (client: ImapFlow, modseq: string): Promise<Flagged[]> => {
  const [limit, messages] = [messageLimit(client), client.mailbox === false ? 0 : client.mailbox.exists]
  const changedSince = BigInt(modseq)
  return limit === null
    ? flagged(client, ['1:*'], { uid: true, changedSince })
    : flagged(client, windows(messages, limit), { uid: false, changedSince })
}
