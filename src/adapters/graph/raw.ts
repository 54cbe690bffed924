import type { MissingMessage, RawMessage } from '../../commands/ports/mail-provider.ts'
import type { Placement } from '../../domain/sync/events.ts'
import { GraphRefusal, inOurWords, isRefusal, isTooLong, UNREADABLE, type GraphClient } from './client.ts'
import type { OutlookFolder } from './folders.ts'
import { AT_ONCE } from './gate.ts'
import { messagePath, type Listed } from './messages.ts'
import type { Seen } from './reading.ts'
import { described } from './round.ts'

/** Larger messages are not taken. */
const MAX_MESSAGE_BYTES = 200 * 1024 * 1024

/** As many at once as Graph takes, in the order in which they are asked for. */
export const rawOf = async function* (
  client: GraphClient,
  seen: Seen,
  folders: () => Promise<readonly OutlookFolder[]>,
  placements: readonly Placement[],
): AsyncGenerator<RawMessage | MissingMessage> {
  const listed = placements.map((placement) => {
    const found = seen.get(placement.ref)
    return found?.folder === placement.folder ? found : null
  })
  const ids = listed.every((found) => found !== null)
    ? new Map<string, string>()
    : new Map((await folders()).map(({ folder, id }) => [folder, id]))
  const running: Promise<RawMessage | MissingMessage>[] = []
  for (const [index, placement] of placements.entries()) {
    const next = one(client, placement, listed[index] ?? null, ids.get(placement.folder) ?? null)
    // It is awaited in its turn, which may come after another one failed.
    next.catch(() => {})
    running.push(next)
    if (running.length >= AT_ONCE) yield await running.shift()!
  }
  for (const next of running) yield await next
}

const one = async (
  client: GraphClient,
  placement: Placement,
  listed: Listed | null,
  folderId: string | null,
): Promise<RawMessage | MissingMessage> => {
  const found = listed ?? (await inFolder(client, placement.ref, folderId))
  if (found === null) return { placement, missing: 'gone' }
  try {
    const raw = await client.ask({
      path: `${messagePath(placement.ref)}/$value`,
      mostBytes: MAX_MESSAGE_BYTES,
    })
    const { flags, receivedAt } = found
    const bytes = raw instanceof ArrayBuffer ? Buffer.from(raw) : Buffer.alloc(0)
    return { placement, flags, receivedAt, raw: bytes }
  } catch (error) {
    if (isRefusal(error, 404)) return { placement, missing: 'gone' }
    if (isTooLong(error)) return { placement, missing: 'too-large' }
    if (error instanceof GraphRefusal && UNREADABLE.includes(error.code))
      return { placement, missing: 'withheld' }
    throw inOurWords(error)
  }
}

const inFolder = async (
  client: GraphClient,
  ref: string,
  folderId: string | null,
): Promise<Listed | null> => {
  const found = folderId === null ? null : await described(client, ref)
  return found?.parent === folderId ? found : null
}
