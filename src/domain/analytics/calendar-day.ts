/** Whether this is a name in the IANA time zone database; an offset such as `+05:30` is not. */
export const isTimeZone = (name: string): boolean => {
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    formatOf(name)
    return true
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return false
  }
}

/** The calendar day of an instant in an IANA zone, as `2026-01-31`; in UTC if the zone is unknown here. */
export const dayIn = (timeZone: string, instant: string): string => {
  const utc = new Date(instant).toISOString().slice(0, 10)
  return timeZone === 'UTC' || !isTimeZone(timeZone) ? utc : formatOf(timeZone).format(new Date(instant))
}

const QUARTER_MS = 15 * 60_000
const DAY_MS = 24 * 3_600_000

/**
 * When the quarter of an hour begins that an instant lies in. Figures are kept by these: the days of every zone are made
 * of them, so that a day is the same to all who ask, whatever the zone was when something happened.
 */
export const quarterOf = (instant: string): string =>
  new Date(Math.floor(Date.parse(instant) / QUARTER_MS) * QUARTER_MS).toISOString()

/** When the days from `from` to `to` begin and end in a zone: `end` is the first instant behind them. */
export const spanOfDays = (
  timeZone: string,
  { from, to }: { readonly from: string; readonly to: string },
): { readonly start: string; readonly end: string } => ({
  start: beginningOf(timeZone, from),
  end: beginningOf(timeZone, dayAfter(to)),
})

/** The first quarter of an hour of a day: no zone is further from UTC than 14 hours. */
const beginningOf = (timeZone: string, day: string): string => {
  const at = (quarter: number): string => new Date(Date.parse(day) + quarter * QUARTER_MS).toISOString()
  let [before, begun] = [-60, 60]
  while (begun - before > 1) {
    const middle = Math.floor((before + begun) / 2)
    if (dayIn(timeZone, at(middle)) < day) before = middle
    else begun = middle
  }
  return at(begun)
}

/**
 * When an hour of a day begins in a zone: the first quarter of an hour that is that late by the clocks there. Of an hour that
 * comes twice it is the first; one that is left out begins when the clocks have passed it.
 */
export const hourOfDay = (timeZone: string, day: string, hour: number): string => {
  const zone = isTimeZone(timeZone) ? timeZone : 'UTC'
  const wanted = `${day} ${String(hour).padStart(2, '0')}:00`
  // No zone is further from UTC than 15 hours.
  for (let quarter = hour * 4 - 60; ; quarter++) {
    const at = new Date(Date.parse(day) + quarter * QUARTER_MS)
    if (clockOf(zone).format(at) >= wanted) return at.toISOString()
  }
}

/** The day before or behind another one, as `2026-01-31`. */
export const dayAfter = (day: string, days = 1): string =>
  new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10)

// Creating a format takes longer than folding an event, and there are only so many zones.
const remembered = (options: Intl.DateTimeFormatOptions) => {
  const formats = new Map<string, Intl.DateTimeFormat>()
  return (timeZone: string): Intl.DateTimeFormat => {
    const known = formats.get(timeZone)
    // Swedish dates are in ISO 8601 format.
    const format = known ?? new Intl.DateTimeFormat('sv-SE', { timeZone, ...options })
    if (!known) formats.set(timeZone, format)
    return format
  }
}

const formatOf = remembered({ dateStyle: 'short' })
/** As `2026-01-31 09:00`. */
const clockOf = remembered({ dateStyle: 'short', timeStyle: 'short' })
