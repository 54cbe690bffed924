import { MailUnavailable, type MissingMessage, type RawMessage } from '../../commands/ports/mail-provider.ts'
import type { Placement } from '../../domain/sync/events.ts'
import { AT_ONCE, type GmailClient } from './client.ts'
import { flagsOf, holding, type GmailFolder } from './folders.ts'
import { COST } from './quota.ts'

type Found = RawMessage | MissingMessage

/** Each message once, however many folders it is asked for in; a few at once. */
export const rawOf = async function* (
  client: GmailClient,
  folders: readonly GmailFolder[],
  placements: readonly Placement[],
): AsyncGenerator<Found> {
  const left = Map.groupBy(placements, ({ ref }) => ref).entries()
  const underWay: Promise<Found[]>[] = []
  const startOne = (): void => {
    const next = left.next()
    if (next.done) return
    const started = fetched(client, folders, ...next.value)
    // Whoever waits for it hears of a failure; nobody may, where another one failed before.
    started.catch(() => {})
    underWay.push(started)
  }
  for (let n = 0; n < AT_ONCE; n += 1) startOne()
  for (let first = underWay.shift(); first !== undefined; first = underWay.shift()) {
    const found = await first
    startOne()
    yield* found
  }
}

const fetched = async (
  client: GmailClient,
  folders: readonly GmailFolder[],
  id: string,
  placements: readonly Placement[],
): Promise<Found[]> => {
  try {
    const { labelIds, internalDate, raw } = await client.call(COST.get, (users, options) =>
      users.messages.get({ userId: 'me', id, format: 'raw' }, options),
    )
    const labels = new Set(labelIds)
    const there = holding(folders, labels).map(({ folder }) => folder)
    const bytes = Buffer.from(raw ?? '', 'base64url')
    const receivedAt = new Date(Number(internalDate)).toISOString()
    return placements.map((placement) =>
      there.includes(placement.folder)
        ? { placement, flags: flagsOf(labels), receivedAt, raw: bytes }
        : { placement, missing: 'gone' },
    )
  } catch (error) {
    if (!(error instanceof MailUnavailable) || error.kind !== 'gone') throw error
    return placements.map((placement) => ({ placement, missing: 'gone' }))
  }
}
