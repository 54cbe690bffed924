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

// Creating a format takes longer than folding an event, and there are only so many zones.
const formats = new Map<string, Intl.DateTimeFormat>()

const formatOf = (timeZone: string): Intl.DateTimeFormat => {
  const known = formats.get(timeZone)
  // Swedish dates are in ISO 8601 format.
  const format = known ?? new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' })
  if (!known) formats.set(timeZone, format)
  return format
}
