import { dayAfter, dayIn, hourOfDay } from '../analytics/calendar-day.ts'

/** Who wants a digest: `onSince` is when it was switched on, `lastDate` the day of the last one. */
export type DigestReader = {
  readonly userId: string
  readonly timeZone: string
  readonly hour: number
  readonly onSince: string
  readonly lastDate: string | null
}

/** A digest to be made: of which day, and of what time it tells, which ends where that of the next day begins. */
export type DueDigest = { readonly date: string; readonly since: string; readonly until: string }

/**
 * The digest that is due now, if any. There is one for each day of the reader's calendar, from its hour on, and none for a
 * day whose hour had passed when it was switched on; where the clocks change, the hour is as `hourOfDay` says.
 */
export const dueDigest = (
  { timeZone, hour, onSince, lastDate }: Omit<DigestReader, 'userId'>,
  now: Date,
): DueDigest | null => {
  const date = dayIn(timeZone, now.toISOString())
  if (lastDate !== null && date <= lastDate) return null
  const at = hourOfDay(timeZone, date, hour)
  if (now.toISOString() < at || at < onSince) return null
  return { date, since: hourOfDay(timeZone, dayAfter(date, -1), hour), until: at }
}
