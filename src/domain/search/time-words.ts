const DAY_MS = 24 * 60 * 60 * 1000
/** From so many days on, a span is named by its months. */
const MOST_DAYS = 62

const dayOf = (instant: string): string => `day:${instant.slice(0, 10)}`
const monthOf = (instant: string): string => `month:${instant.slice(0, 7)}`

/** The words under which a message of this time (RFC 3339 in UTC) is found with others of its day and its month. */
export const timeWords = (instant: string): string[] => [dayOf(instant), monthOf(instant)]

/** The words of which a message between the two instants has one; some that have one lie just outside. */
export const wordsOfSpan = (from: Date, to: Date): string[] => {
  const byDay = to.getTime() - from.getTime() < MOST_DAYS * DAY_MS
  const word = byDay ? dayOf : monthOf
  const words = new Set<string>([word(to.toISOString())])
  for (let at = from.getTime(); at < to.getTime(); at += DAY_MS) words.add(word(asInstant(at)))
  return [...words]
}

const asInstant = (ms: number): string => new Date(ms).toISOString()
