import type { NotificationChannel, Notified } from './events.ts'

// Of one kind and account a user is told three times in five minutes at most: what is more than that is gathered until the
// time is over, and told at once.

const MOST_TOLD = 3
const WITHIN_MS = 5 * 60_000

// What has waited for a day is no news any more, such as the history that is read for the first time after an upgrade: it is
// not told. What came just before a night without the service still is.
const NEWS_FOR_MS = 24 * 3_600_000

/** What has waited since before is no news. */
export const newsSince = (now: Date): string => new Date(now.getTime() - NEWS_FOR_MS).toISOString()

/** What a notification names, if it tells of one thing. */
export type About = Pick<Notified, 'conversationId' | 'messageId' | 'outgoingId'>
/** Something to be told: `position` and `at` are those of the event in the log. */
export type Cause = {
  readonly position: string
  readonly at: string
  readonly about: About
  readonly channels: readonly NotificationChannel[]
}

/**
 * What waits to be told to a user of one kind and account. `toldUpTo` is the position of the last thing that was told ('' for
 * none), `toldAt` when the last three notifications were made. Of what waits, `count` things up to `upTo`, only the first few
 * are known each by itself (`first`). `since`: when the first of them happened. `channels` are those of the last one.
 */
export type Waiting = {
  readonly toldUpTo: string
  readonly toldAt: readonly string[]
  readonly first: readonly Omit<Cause, 'channels'>[]
  readonly count: number
  readonly upTo: string
  readonly since: string
  readonly channels: readonly NotificationChannel[]
}

export const nothingWaits: Waiting = {
  toldUpTo: '',
  toldAt: [],
  first: [],
  count: 0,
  upTo: '',
  since: '',
  channels: [],
}

/** One more thing. One that comes out of turn, behind what was told already, is passed over. */
export const withCause = (before: Waiting, { channels, ...cause }: Cause): Waiting => {
  const { position, at } = cause
  const isNews = before.count === 0 || before.since >= newsSince(new Date(at))
  const waiting = isNews ? before : withoutCauses(before)
  if (position <= waiting.toldUpTo || position <= waiting.upTo) return waiting
  const isComplete = waiting.first.length === waiting.count && waiting.count < MOST_TOLD
  return {
    ...waiting,
    first: isComplete ? [...waiting.first, cause] : waiting.first,
    count: waiting.count + 1,
    upTo: position,
    since: waiting.count === 0 ? at : waiting.since,
    channels,
  }
}

/** What still waits when a notification was made. */
export const afterNotified = (
  waiting: Waiting,
  { gathered, upTo, at }: Pick<Notified, 'gathered' | 'upTo' | 'at'>,
): Waiting => {
  const first = waiting.first.filter(({ position }) => position > upTo)
  return {
    ...waiting,
    toldUpTo: upTo,
    toldAt: [...waiting.toldAt, at].slice(-MOST_TOLD),
    first,
    count: Math.max(0, waiting.count - gathered),
    since: first[0]?.at ?? at,
  }
}

/** What waits and is not to be told any more. */
export const withoutCauses = (waiting: Waiting): Waiting => ({ ...waiting, first: [], count: 0 })

/** When what waits is told; null if nothing does. */
export const tellAt = ({ count, since, toldAt }: Waiting): string | null => {
  if (count === 0) return null
  const [oldest] = toldAt
  if (oldest === undefined || toldAt.length < MOST_TOLD) return since
  const isOver = new Date(Date.parse(oldest) + WITHIN_MS).toISOString()
  return isOver > since ? isOver : since
}

/** A notification to be made. */
export type Bundle = { readonly gathered: number; readonly upTo: string; readonly about: About }

/** What is told now: each thing by itself if there are few, or else all of it at once. */
export const bundlesAt = ({ first, count, upTo, toldAt }: Waiting, now: Date): readonly Bundle[] => {
  const told = toldAt.filter((at) => now.getTime() - Date.parse(at) < WITHIN_MS).length
  const isFew = first.length === count && told + count <= MOST_TOLD
  return isFew
    ? first.map(({ position, about }) => ({ gathered: 1, upTo: position, about }))
    : [{ gathered: count, upTo, about: count === 1 ? (first[0]?.about ?? {}) : {} }]
}
