import { withoutComments } from './comments.ts'

/** The first letters of months, in languages that programs have used and where they differ. */
const MONTHS: readonly RegExp[] = [
  /^(?:jan|ene|gen)/,
  /^(?:feb|fév|fev)/,
  /^(?:mar|mär|mrz|maa|mrt)/,
  /^(?:apr|avr|abr)/,
  /^(?:may|mai|mei|mag|maj)/,
  /^(?:jun|juin|giu)/,
  /^(?:jul|juil|lug)/,
  /^(?:aug|aoû|aou|ago)/,
  /^(?:sep|set)/,
  /^(?:oct|okt|ott|out)/,
  /^nov/,
  /^(?:dec|dez|dic|déc)/,
]
const monthIn = (word: string): number => MONTHS.findIndex((month) => month.test(word.toLowerCase()))

/** Minutes east of Greenwich: RFC 5322 4.3 and others in use; names shared by two zones (IST) are left out. */
const ZONES: Record<string, number> = Object.fromEntries(
  [
    'ut utc gmt z wet 0',
    'bst cet met mez west 60',
    'cest eet mest mesz sast cat 120',
    'msk eest eat trt 180',
    'msd gst samt 240',
    'pkt yekt 300',
    'npt 345',
    'ict wib krat 420',
    'hkt sgt awst pht irkt 480',
    'jst kst yakt 540',
    'acst 570',
    'aest vlat 600',
    'acdt 630',
    'aedt 660',
    'nzst 720',
    'nzdt 780',
    'brst -120',
    'ndt -150',
    'brt art clst adt -180',
    'nst -210',
    'edt ast clt -240',
    'est cdt cot pet -300',
    'cst mdt -360',
    'mst pdt -420',
    'pst akdt -480',
    'akst -540',
    'hst -600',
  ].flatMap((line) => {
    const words = line.split(' ')
    const minutes = Number(words.pop())
    return words.map((word) => [word, minutes])
  }),
)
const US_ZONE = /\b(eastern|central|mountain|pacific)\s+(standard|daylight)\b/i

/** No clock is a day off, although the standard would allow up to four. */
const MAX_OFFSET = 24 * 60

/** `+0100`, `+01:00`, `-5`, `+530`: minutes east of Greenwich; null if no place has such a time. */
const offsetOf = (sign: string, hours: string, minutes: string): number | null => {
  const total = Number(hours) * 60 + Number(minutes || '0')
  if (total >= MAX_OFFSET || Number(minutes || '0') > 59) return null
  return sign === '-' ? -total : total
}

/** `undefined` if there is no zone, null if it cannot be understood. */
const zoneIn = (text: string): number | null | undefined => {
  const [, sign = '', hours = '', minutes = ''] =
    /(?<![+-])([+-]) ?(\d{1,2}):?(\d{2})?(?!\d)/.exec(text) ?? []
  if (sign !== '') return offsetOf(sign, hours, minutes)
  if (/\d/.test(text)) return /^\s*0000\b/.test(text) ? 0 : null
  const [, where = '', time = ''] = US_ZONE.exec(text) ?? []
  if (where !== '') return ZONES[`${where[0]}${time[0]}t`.toLowerCase()] ?? null
  const words = text.match(/\p{L}+/gu)?.filter((word) => !WEEKDAY.test(word)) ?? []
  if (words.length === 0) return undefined
  // Military letters were used with both signs, so they say nothing (RFC 5322 4.3).
  const offsets = words.map((word) => (word.length === 1 ? 0 : ZONES[word.toLowerCase()]))
  return offsets.find((offset) => offset !== undefined) ?? null
}

const WEEKDAY = /^(?:mon|tue|wed|thu|fri|sat|sun)/i

type Day = { readonly year: number; readonly month: number; readonly day: number }

/** Two-digit years are 1950 to 2049, three-digit ones count from 1900 (RFC 5322 4.3). */
const yearOf = (digits: string): number => {
  const year = Number(digits)
  if (digits.length === 4) return year
  return digits.length === 3 || year >= 50 ? year + 1900 : year + 2000
}

/** The forms of a date in which it is clear which number is which. */
const DAYS: readonly { form: RegExp; day: (match: readonly string[]) => Day }[] = [
  {
    form: /\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)/,
    day: ([, year = '', month = '', day = '']) => ({
      year: Number(year),
      month: Number(month) - 1,
      day: Number(day),
    }),
  },
  {
    form: /\b(\d{1,2})(?:st|nd|rd|th)?[\s\-/.,]*(\p{L}{3,})\.?[\s\-/.,]*(\d{4}|\d{2,3})(?![\d:])/iu,
    day: ([, day = '', month = '', year = '']) => ({
      year: yearOf(year),
      month: monthIn(month),
      day: Number(day),
    }),
  },
  {
    form: /(\p{L}{3,})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})(?!\d)/iu,
    day: ([, month = '', day = '', year = '']) => ({
      year: yearOf(year),
      month: monthIn(month),
      day: Number(day),
    }),
  },
  {
    form: /\b(\d{1,2})\.(\d{1,2})\.(\d{4})(?!\d)/,
    day: ([, day = '', month = '', year = '']) => ({
      year: Number(year),
      month: Number(month) - 1,
      day: Number(day),
    }),
  },
]

const TIME = /(?<![\d+:-])(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2})(?:[.,]\d+)?)?(?![\d:])\s*([ap]\.?m\b\.?)?/i
/** `Thu Aug 22 18:26:25 EST 2002`: asctime has the time in the middle of the date. */
const ASCTIME =
  /(\p{L}{3,})\.?\s+(\d{1,2})\s+(\d{1,2}[:.]\d{1,2}[:.\d]*)\s+(.*?)\s*(?<![+\-\d])((?:19|20)\d\d)(?!\d)/iu

/**
 * A Date field (RFC 5322 3.3, 4.3, and other forms in use) as an instant; UTC if there is no zone. Null if it is not a
 * date, if its zone is unknown, or if it is far outside the age of email: no date is better than a wrong one.
 */
export const instantIn = (value: string): string | null => {
  const comments: string[] = []
  const text = withoutComments(value.slice(0, 200), comments)
    .replace(/[\u2010-\u2015\u2212]/g, '-')
    .replace(/(\d)T(?=\d)/i, '$1 ')
    .replace(ASCTIME, (_, month: string, day: string, time: string, zone: string, year: string) =>
      monthIn(month) === -1 ? _ : `${day} ${month} ${year} ${time} ${zone} `,
    )
  for (const { form, day } of DAYS) {
    const match = form.exec(text)
    if (match === null) continue
    const found = day(match)
    if (found.month < 0) continue
    const rest = `${text.slice(0, match.index)} ; ${text.slice(match.index + match[0].length)}`
    return instantOf(found, rest, comments)
  }
  return null
}

const instantOf = ({ year, month, day }: Day, rest: string, comments: readonly string[]): string | null => {
  const time = TIME.exec(rest)
  if (time === null) return null
  const [written, hours = '', minutes = '', seconds = '0', half = ''] = time
  const hour = hourOf(Number(hours), half)
  const clock = Date.UTC(year, month, day, hour, Number(minutes), Number(seconds))
  if (hour > 23 || Number(minutes) > 59 || Number(seconds) > 60) return null
  if (new Date(Date.UTC(year, month, day)).getUTCDate() !== day || month > 11) return null
  const behind = rest.slice(time.index + written.length)
  const zone = zoneIn(behind) ?? (zoneIn(behind) === null ? null : (commented(comments) ?? 0))
  if (zone === null) return null
  const at = new Date(clock - zone * 60_000)
  const found = at.getUTCFullYear()
  return found >= 1970 && found < 2200 ? at.toISOString() : null
}

const hourOf = (hour: number, half: string): number => {
  if (half === '') return hour
  if (/^a/i.test(half)) return hour > 12 ? 24 : hour % 12
  return hour > 12 ? hour : (hour % 12) + 12
}

/** A zone alone in brackets; other words there are remarks. */
const commented = (comments: readonly string[]): number | undefined => {
  for (const comment of comments) {
    const zone = zoneIn(comment)
    if (typeof zone === 'number') return zone
  }
  return undefined
}
