import { isTimeZone } from '../analytics/calendar-day.ts'
import { weekdays, type Availability, type WorkingHours } from './events.ts'

/** Of somebody who has said nothing: there at any time. */
export const alwaysAvailable: Availability = { away: null, workingHours: null }

/** Whether a user is away at an instant; other than being outside working hours, that is said for a while. */
export const isAway = ({ away }: Availability, at: string): boolean =>
  away !== null &&
  Date.parse(away.from) <= Date.parse(at) &&
  (away.until === null || Date.parse(at) < Date.parse(away.until))

/** Whether a user is away at an instant, and not back within so many hours. */
export const isAwayLonger = (availability: Availability, at: string, hours: number): boolean => {
  const until = availability.away?.until ?? null
  return (
    isAway(availability, at) && (until === null || Date.parse(until) - Date.parse(at) > hours * 3_600_000)
  )
}

/** Whether an instant is within working hours: those of the clock on the wall, whatever daylight saving time does. */
export const isWorking = ({ timeZone, days }: WorkingHours, at: string): boolean => {
  const { day, time } = localTime(timeZone, at)
  return days.some((shift) => shift.day === day && shift.from <= time && time < shift.to)
}

/** The day of the week and the time of the day in an IANA zone; in UTC if the zone is unknown here. */
const localTime = (timeZone: string, at: string): { day: string; time: string } => {
  const parts = formatOf(timeZone).formatToParts(new Date(at))
  const part = (type: Intl.DateTimeFormatPartTypes): string =>
    parts.find((each) => each.type === type)?.value ?? ''
  return {
    day: weekdays.find((day) => day.startsWith(part('weekday').toLowerCase())) ?? '',
    time: `${part('hour')}:${part('minute')}`,
  }
}

// Creating a format takes long, and there are only so many zones.
const formats = new Map<string, Intl.DateTimeFormat>()

const formatOf = (timeZone: string): Intl.DateTimeFormat => {
  const known = formats.get(timeZone)
  if (known) return known
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: isTimeZone(timeZone) ? timeZone : 'UTC',
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  formats.set(timeZone, format)
  return format
}
