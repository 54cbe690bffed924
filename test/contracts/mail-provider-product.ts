import type {
  ChangesQuery,
  ChangeSet,
  KnownPlaces,
  MailboxSession,
} from '../../src/commands/ports/mail-provider.ts'
import type { Placement } from '../../src/domain/sync/events.ts'
import { asking, messageIdOf, type Content } from './mail-provider-harness.ts'

/**
 * The minimal product: it applies sets of changes, and nothing else. A run may crash after a number of sets: if it is
 * odd, before the next set is applied, otherwise before its cursor is stored.
 */
export type Product = {
  /** @returns the sets of changes */
  run(session: MailboxSession, more?: Partial<ChangesQuery>, crashAfter?: number): Promise<ChangeSet[]>
  contents(): Content[]
  /** Bytes by Message-ID. */
  readonly bytes: ReadonlyMap<string, Buffer>
  /** How many messages were fetched. */
  handedOut(): number
  readonly cursors: Map<string, string>
  /** The limit of each page of what is known that was asked for. */
  readonly asked: number[]
}

type Place = { readonly placement: Placement; readonly messageId: string; readonly flags: readonly string[] }

export const product = (): Product => {
  const places = new Map<string, Place>()
  const withheld = new Map<string, Placement>()
  const cursors = new Map<string, string>()
  const bytes = new Map<string, Buffer>()
  const asked: number[] = []
  let handedOut = 0
  let minutes = 0
  const keyOf = ({ folder, ref }: Placement) => JSON.stringify([folder, ref])

  const known: KnownPlaces = {
    page: (folder, below, limit) => {
      asked.push(limit)
      return Promise.resolve(
        [...places.values()]
          .filter(({ placement: { folder: of, ref } }) => of === folder && (below === null || ref < below))
          .toSorted((a, b) => (a.placement.ref < b.placement.ref ? 1 : -1))
          .slice(0, limit)
          .map(({ placement: { ref }, flags }) => ({ ref, flags })),
      )
    },
  }

  const fetch = async (session: MailboxSession, wanted: readonly Placement[]): Promise<void> => {
    for await (const message of session.raw(wanted)) {
      const key = keyOf(message.placement)
      withheld.delete(key)
      if ('missing' in message) {
        if (message.missing === 'withheld') withheld.set(key, message.placement)
        continue
      }
      const { placement, flags, raw } = message
      const messageId = messageIdOf(raw)
      handedOut += 1
      bytes.set(messageId, raw)
      places.set(key, { placement, messageId, flags })
    }
  }

  const take = async (session: MailboxSession, set: ChangeSet): Promise<void> => {
    if (set.kind !== 'changes') return
    const wanted: Placement[] = []
    for (const change of set.changes) {
      if (change.kind === 'added') {
        if (!places.has(keyOf(change.placement))) wanted.push(change.placement)
      } else if (change.kind === 'moved') {
        const place = places.get(keyOf(change.from))
        places.delete(keyOf(change.from))
        if (place) places.set(keyOf(change.to), { ...place, placement: change.to, flags: change.flags })
        else wanted.push(change.to)
      } else if (change.kind === 'flagged') {
        const place = places.get(keyOf(change.placement))
        if (place) places.set(keyOf(change.placement), { ...place, flags: change.flags })
      } else places.delete(keyOf(change.placement))
    }
    if (wanted.length > 0) await fetch(session, wanted)
  }

  return {
    run: async (session, more = {}, crashAfter = Number.POSITIVE_INFINITY) => {
      const told: ChangeSet[] = []
      if (withheld.size > 0) await fetch(session, [...withheld.values()])
      const query = asking({
        cursors: [...cursors].map(([scope, at]) => ({ scope, at })),
        now: new Date(Date.UTC(2026, 0, 1) + minutes++ * 60_000),
        known,
        ...more,
      })
      for await (const set of session.changes(query)) {
        if (told.length === crashAfter && crashAfter % 2 === 1) break
        told.push(set)
        await take(session, set)
        if (told.length > crashAfter) break
        if (set.kind === 'changes' && set.cursor) cursors.set(set.cursor.scope, set.cursor.at)
      }
      return told
    },
    contents: () =>
      [...places.values()].map(({ placement: { folder }, messageId, flags }) => ({
        folder,
        messageId,
        flags,
      })),
    bytes,
    handedOut: () => handedOut,
    cursors,
    asked,
  }
}

/** In a fixed order, for comparison. */
export const sorted = (contents: readonly Content[]): Content[] =>
  contents.toSorted((a, b) => (a.messageId + a.folder < b.messageId + b.folder ? -1 : 1))
