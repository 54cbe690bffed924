import type { EventStore, Page } from '../../../../commands/ports/event-log.ts'
import type { Position } from '../../../../domain/event.ts'
import { UnknownShape } from '../../../../domain/upcast.ts'
import { notifier } from '../../../../std/notifier.ts'

/** One reading of the log for many readers. Events are shared: nobody may change them. */
export type SharedLog = {
  /** Pages from `after` on with events of these types, and then live ones, until `signal` aborts. */
  subscribe(options: {
    readonly after: Position | null
    readonly types: ReadonlySet<string>
    readonly signal: AbortSignal
  }): AsyncGenerator<Page>
  /** Somebody waits for the latest events: deliver the next page as soon as possible. */
  readonly hurry: () => void
}

/** A reader's position; '' is before the first event. */
type Place = Position | ''

type Stretch = { readonly after: Place; readonly page: Page }

/** The one subscription, and its latest pages, without a gap. */
type Front = {
  readonly pages: AsyncIterator<Page>
  readonly stop: AbortController
  readonly kept: Stretch[]
  position: Place
  pulling: Promise<void> | null
  /** When a page that reached the head arrived; -Infinity after any other. */
  atHeadSince: number
  /** How many pages in a row were available at once. */
  busyPages: number
}

const KEPT_PAGES = 4
/**
 * Minimum and maximum interval between pages at the head: events written meanwhile are delivered together, once for all
 * readers. The maximum applies while pages follow each other and nobody waits for one.
 */
const GATHER_MS = { least: 50, most: 1000 }
const BUSY_PAGES = 3
const PATIENCE_MS = 1_000

/**
 * A page is read and decoded once for all readers near the front, at the head as well as while they catch up together.
 * The front waits for a reader close behind, so that it never gets further ahead than the pages it keeps, unless that
 * takes too long. A reader further behind reads by itself until it has caught up.
 */
export const sharedLog = (
  store: EventStore,
  types: readonly string[],
  pageSize: number,
  gatherMs = GATHER_MS,
): SharedLog => {
  const places = new Map<object, Place>()
  const moved = notifier()
  const hurried = notifier()
  let inHurry = false
  let front: Front | null = null

  const end = (of: Front): void => {
    if (front === of) front = null
    of.stop.abort()
    hurried.notify()
    of.pages.return?.().catch(() => {})
  }
  const startAt = (place: Place): Front => {
    if (front) end(front)
    const stop = new AbortController()
    const after = place === '' ? null : place
    const pages = store.subscribe({ after, limit: pageSize, filter: { types }, signal: stop.signal })
    front = {
      pages: pages[Symbol.asyncIterator](),
      stop,
      kept: [],
      position: place,
      pulling: null,
      atHeadSince: -Infinity,
      busyPages: 0,
    }
    return front
  }
  const mustWait = ({ kept }: Front): boolean =>
    kept.length >= KEPT_PAGES && [...places.values()].some((place) => isIn(kept[0]!, place))

  const gather = async (of: Front): Promise<void> => {
    for (;;) {
      const atLeast = inHurry || of.busyPages < BUSY_PAGES ? gatherMs.least : gatherMs.most
      const ms = of.atHeadSince + atLeast - performance.now()
      if (ms <= 0 || of.stop.signal.aborted) break
      await hurried.wait(hurried.count(), { ms })
    }
    inHurry = false
  }

  const pull = async (of: Front): Promise<void> => {
    const until = performance.now() + PATIENCE_MS
    while (mustWait(of) && performance.now() < until)
      await moved.wait(moved.count(), { ms: until - performance.now() })
    await gather(of)
    try {
      const asked = performance.now()
      const next = await of.pages.next()
      // Ended on purpose: its readers switch to the new one.
      if (front !== of) return
      if (next.done) throw new Error('The subscription to the log has ended')
      const page = next.value
      if (page.position > of.position) of.kept.push({ after: of.position, page })
      if (of.kept.length > KEPT_PAGES) of.kept.shift()
      of.position = page.position
      of.atHeadSince = page.atHead ? performance.now() : -Infinity
      of.busyPages = performance.now() - asked < gatherMs.least ? of.busyPages + 1 : 0
    } catch (error) {
      end(of)
      throw error
    }
  }

  const alone = (at: Place, wanted: ReadonlySet<string>): Promise<Page> =>
    store.readAll({ after: at === '' ? null : at, limit: pageSize, filter: { types: [...wanted] } })

  const next = async (at: Place, wanted: ReadonlySet<string>, signal: AbortSignal): Promise<Page | null> => {
    while (!signal.aborted) {
      const of = front && at <= front.position ? front : startAt(at)
      const stretch = of.kept.find((candidate) => isIn(candidate, at))
      if (stretch) return pageOf(stretch.page, at, stretch.page.position, wanted)
      if (at < of.position) {
        const page = await alone(at, wanted)
        // Not beyond the front, or the front would have to follow and leave the others behind.
        return pageOf(page, at, of.position < page.position ? of.position : page.position, wanted)
      }
      of.pulling ??= pull(of).finally(() => {
        of.pulling = null
      })
      try {
        await unlessAborted(of.pulling, signal)
      } catch (error) {
        if (!(error instanceof UnknownShape) || wanted.has(error.kind)) throw error
        // A reader not interested in these events continues beyond the page, and so does the front.
        return alone(at, wanted)
      }
    }
    return null
  }

  return {
    hurry: () => {
      inHurry = true
      hurried.notify()
    },
    subscribe: async function* ({ after, types: wanted, signal }) {
      const reader = {}
      let place: Place = after ?? ''
      try {
        for (;;) {
          places.set(reader, place)
          moved.notify()
          const page = await next(place, wanted, signal)
          if (!page) return
          place = page.position
          yield page
        }
      } finally {
        places.delete(reader)
        moved.notify()
        if (places.size === 0 && front) end(front)
      }
    },
  }
}

const isIn = ({ after, page }: Stretch, place: Place): boolean => after <= place && place < page.position

/** The part of a page after `after` and up to `to`, with these types. */
const pageOf = (page: Page, after: Place, to: Place, wanted: ReadonlySet<string>): Page => ({
  events: page.events.filter(({ type, position }) => wanted.has(type) && position > after && position <= to),
  position: to as Position,
  atHead: page.atHead && to === page.position,
})

/** Waits for the promise or the abort. A rejection after the abort is left to others. */
const unlessAborted = async (promise: Promise<void>, signal: AbortSignal): Promise<void> => {
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const stop = () => resolve()
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
