import { levelOf, may, type AccessRights } from '../../domain/accounts/access-rights.ts'
import { subjectsOf } from '../../domain/audit/subjects.ts'
import type { AccessLevel } from '../../domain/accounts/events.ts'
import { catalogue, type AnyEvent } from '../../domain/catalogue.ts'
import type { Position, RecordedEvent } from '../../domain/event.ts'
import { notifier } from '../../std/notifier.ts'
import { pause } from '../../std/pause.ts'
import type { Presence } from '../ports/conversation-presence.ts'
import type { EventStore } from '../ports/event-log.ts'

/** What a feed tells of an event: what happened and where to look, and nothing that the event says. */
export type FeedItem = {
  readonly id: string
  readonly type: string
  readonly position: string
  readonly stream: string
  readonly revision: number
  readonly recordedAt: string
  readonly accountId: string | null
  readonly subjects: readonly { readonly kind: string; readonly id: string }[]
}

/** For whom a feed is, and what it is narrowed down to; null narrows nothing. */
export type FeedFilter = {
  /** Null is a program that acts for nobody, and sees everything. */
  readonly userId: string | null
  readonly types: ReadonlySet<string> | null
  readonly account: string | null
}

/**
 * What is new: items to tell, `[]` as a sign of life, and who is in conversations. `position`: how far the log was looked
 * through.
 */
export type FeedPart = {
  readonly items: readonly FeedItem[]
  readonly presence: readonly Presence[]
  readonly position: string
}

/** Whose an event is, as the event index says. */
type Facts = { readonly account: string | null; readonly seenBy: SeenBy | null }
/** `own`: the user whose email it is about. `access`: who may use the account, and since which position. */
type SeenBy =
  | { readonly kind: 'everybody' }
  | { readonly kind: 'user'; readonly userId: string }
  | { readonly kind: 'account'; readonly own: string | null; readonly access: AccountAccess }
type AccountAccess = { readonly rights: AccessRights; readonly position: string }

export type FeedDeps = {
  readonly store: Pick<EventStore, 'readAll' | 'subscribe' | 'head'>
  /** Waits until the event index has taken in the position; false if it has not in time. */
  readonly isIndexed: (position: string) => Promise<boolean>
  readonly factsOf: (positions: readonly string[]) => Promise<ReadonlyMap<string, Facts>>
  /** Calls the listener with what users do in conversations; returns a function that ends that. */
  readonly onPresence: (listener: (presence: Presence) => void) => () => void
  /** Who may use the account now; null if it was never connected. */
  readonly rightsOf: (accountId: string) => Promise<AccessRights | null>
  readonly onFault: (error: unknown) => void
}

type Entry = { readonly item: FeedItem; readonly seenBy: SeenBy | null; readonly revokedKey: string | null }
type EntryPage = { readonly entries: readonly Entry[]; readonly position: Position }

const PAGE = 500
/** How many events a process keeps for the readers that are almost up to date; others read them from the log. */
const KEPT = 5_000
/** A reader that is told nothing gets a sign of life this often. */
const HEARTBEAT_MS = 15_000
const RETRY_MS = 1000
const MOST_PRESENCE = 100

/**
 * Feeds of what happens, for many readers at once: the log is followed once for all of them, from the first reader on,
 * until `stop` aborts.
 */
export const eventFeed = (deps: FeedDeps, stop: AbortSignal) => {
  const news = notifier()
  const rightsAt = rightsAtPresence(deps)
  const access = accessNow()
  const tail: Entry[] = []
  /** What lies behind this position, up to `at`, is in the tail. */
  let from: Position | null = null
  let at: Position | null = null
  let following: Promise<void> | null = null

  const follow = async (): Promise<void> => {
    while (!stop.aborted)
      try {
        for await (const page of deps.store.subscribe({ after: at, limit: PAGE, signal: stop })) {
          const { entries } = await entriesOf(deps, page, stop)
          access.learn(entries)
          tail.push(...entries)
          at = page.position
          const tooMany = tail.length - KEPT
          if (tooMany > 0) from = tail.splice(0, tooMany).at(-1)!.item.position as Position
          news.notify()
        }
      } catch (error) {
        deps.onFault(error)
        await pause(RETRY_MS, stop)
      }
  }
  const start = async (): Promise<void> => {
    from = at = await deps.store.head()
    following = follow()
  }
  let started: Promise<void> | null = null
  const begun = async (): Promise<void> => {
    started ??= start().catch((error: unknown) => {
      started = null
      throw error
    })
    await started
  }

  return {
    /**
     * What happens behind `after` (null: from now on) that this reader may see when it is told, in order and without a gap,
     * until `signal` aborts, the API key is revoked, or the access to the account that the feed is narrowed down to is.
     */
    read: async function* (
      filter: FeedFilter,
      { after, keyId }: { readonly after: Position | null; readonly keyId: string },
      signal: AbortSignal,
    ): AsyncGenerator<FeedPart> {
      await begun()
      let position: Position | null = after ?? at
      const ended = AbortSignal.any([signal, stop])
      const told: Presence[] = []
      const deaf = deps.onPresence((presence) => {
        // A reader that is far behind need not know who was there long ago.
        if (told.push(presence) > MOST_PRESENCE) told.shift()
        news.notify()
      })
      ended.addEventListener('abort', deaf, { once: true })
      let quietSince = performance.now()
      while (!ended.aborted) {
        const seen = news.count()
        const page: EntryPage =
          (position ?? '') < (from ?? '')
            ? await entriesOf(deps, await deps.store.readAll({ after: position, limit: PAGE }), ended)
            : { entries: behind(tail, position), position: at ?? ('' as Position) }
        const isNew = page.position > (position ?? '')
        if (isNew) position = page.position
        access.learn(page.entries)
        const items = page.entries.filter((entry) => isFor(entry, filter, access)).map(({ item }) => item)
        const presence = await presenceFor(rightsAt, filter, told.splice(0))
        const isQuiet = items.length === 0 && presence.length === 0
        if (!isQuiet || performance.now() - quietSince >= HEARTBEAT_MS) {
          yield { items, presence, position: position ?? '' }
          quietSince = performance.now()
        }
        if (page.entries.some(({ revokedKey }) => revokedKey === keyId)) return
        if (isNew && access.hasNone(filter)) return
        if (isNew) continue
        await news.wait(seen, { ms: quietSince + HEARTBEAT_MS - performance.now(), signal: ended })
      }
    },
    /** Resolves when the log is no longer followed. */
    ended: async () => following,
  }
}

export type EventFeed = ReturnType<typeof eventFeed>

/** A page of the log as feeds tell it, once the index knows whose the events are. */
const entriesOf = async (
  { isIndexed, factsOf }: FeedDeps,
  { events, position }: { readonly events: readonly RecordedEvent[]; readonly position: Position },
  stop: AbortSignal,
): Promise<EntryPage> => {
  const known = events.filter(({ type }) => catalogue.has(type)) as readonly RecordedEvent<AnyEvent>[]
  const last = known.at(-1)
  if (!last) return { entries: [], position }
  while (!(await isIndexed(last.position))) if (stop.aborted) return { entries: [], position }
  const facts = await factsOf(known.map((event) => event.position))
  const entries = known.map((event): Entry => {
    const { account, seenBy } = facts.get(event.position) ?? { account: null, seenBy: null }
    const { id, type, stream, revision, recordedAt } = event
    return {
      item: {
        id,
        type,
        position: event.position,
        stream,
        revision,
        recordedAt,
        accountId: account,
        subjects: subjectsOf(event),
      },
      seenBy,
      revokedKey: event.type === 'ApiKeyRevoked' ? event.data.keyId : null,
    }
  })
  return { entries, position }
}

/** Who may use the account of a presence, read once for all readers to whom it is told. */
const rightsAtPresence = ({ rightsOf }: FeedDeps) => {
  const read = new WeakMap<Presence, ReturnType<typeof rightsOf>>()
  return (presence: Presence): ReturnType<typeof rightsOf> => {
    const found = read.get(presence) ?? rightsOf(presence.accountId)
    read.set(presence, found)
    return found
  }
}

/** Who is in conversations that the reader may read. Feeds that are narrowed down to types tell of these alone. */
const presenceFor = async (
  rightsAt: ReturnType<typeof rightsAtPresence>,
  { userId, types, account }: FeedFilter,
  told: readonly Presence[],
): Promise<Presence[]> => {
  const found: Presence[] = []
  for (const presence of types === null ? told : []) {
    if (account !== null && account !== presence.accountId) continue
    const rights = await rightsAt(presence)
    if (rights !== null && may(rights, userId, 'read')) found.push(presence)
  }
  return found
}

/** The entries behind this position, found by halving. */
const behind = (entries: readonly Entry[], position: Position | null): readonly Entry[] => {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (entries[middle]!.item.position <= (position ?? '')) low = middle + 1
    else high = middle
  }
  return entries.slice(low)
}

const isFor = (
  { item, seenBy }: Entry,
  { userId, types, account }: FeedFilter,
  { levelIn }: AccessNow,
): boolean => {
  if (types !== null && !types.has(item.type)) return false
  if (account !== null && item.accountId !== account) return false
  if (userId === null) return true
  switch (seenBy?.kind) {
    case undefined:
      return false
    case 'everybody':
      return true
    case 'user':
      return seenBy.userId === userId
    case 'account': {
      const level = levelIn(item.accountId, userId)
      return level === 'send' ? seenBy.own === userId : level !== null
    }
  }
}

/** Who may use the accounts that entries were of so far, as the newest of these says. */
const accessNow = () => {
  const known = new Map<string, AccountAccess>()
  const levelIn = (accountId: string | null, userId: string): AccessLevel | null => {
    const access = accountId === null ? undefined : known.get(accountId)
    return access ? levelOf(access.rights, userId) : null
  }
  return {
    learn: (entries: readonly Entry[]): void => {
      for (const { item, seenBy } of entries) {
        if (seenBy?.kind !== 'account' || item.accountId === null) continue
        const before = known.get(item.accountId)
        if (!before || before.position < seenBy.access.position) known.set(item.accountId, seenBy.access)
      }
    },
    levelIn,
    /** Whether the reader's access to the one account that they follow is known to be gone. */
    hasNone: ({ account, userId }: FeedFilter): boolean =>
      account !== null && userId !== null && known.has(account) && levelIn(account, userId) === null,
  }
}
type AccessNow = ReturnType<typeof accessNow>
