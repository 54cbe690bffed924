import { isUtf8 } from 'node:buffer'
import { addressParser, decodeWords } from 'postal-mime'
import { normaliseMessageId, type WrittenMailbox } from '../../domain/mail.ts'
import { oneLine, storable } from './text.ts'

export type HeaderField = { readonly name: string; readonly value: string }

/** More ids than any thread needs; the first names where it began, the last what is answered. */
const MAX_IDS = 100

const windows1252 = new TextDecoder('windows-1252')

/** Raw 8-bit bytes are UTF-8 (RFC 6532) where they can be, and else what old software of the West has sent. */
export const textOf = (bytes: Buffer): string =>
  isUtf8(bytes) ? bytes.toString('utf8') : windows1252.decode(bytes)

/** The lines of a header, each field with its continuations as one (RFC 5322 2.2.3), read as latin1. */
const linesOf = (header: Buffer): string[] => header.toString('latin1').split(/\r?\n(?![ \t])/)

/** The fields of a header in order, unfolded, names in lower case; lines that are no fields are left out. */
export const headerFields = (header: Buffer): HeaderField[] =>
  linesOf(header).flatMap((line) => {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).trimEnd().toLowerCase()
    if (colon < 1 || !/^[!-9;-~]+$/.test(name)) return []
    const value = line
      .slice(colon + 1)
      .replace(/\r?\n/g, '')
      .trim()
    return [{ name, value: /[\u0080-\u00ff]/.test(value) ? textOf(Buffer.from(value, 'latin1')) : value }]
  })

/** What of a header says how the body is to be read (RFC 2045): the same lines, the others left out. */
export const contentHeader = (header: Buffer): Buffer => {
  const lines = linesOf(header).filter((line) => /^content-/i.test(line))
  return Buffer.from(`${lines.map((line) => `${line}\r\n`).join('')}\r\n`, 'latin1')
}

/** The first field of that name, '' where there is none. */
export const first = (fields: readonly HeaderField[], name: string): string =>
  fields.find((field) => field.name === name)?.value ?? ''

/** Message-IDs in a field, without angle brackets (RFC 5322 3.6.4), phrases and repeats left out. */
export const idsIn = (value: string): string[] => {
  const bracketed = [...value.matchAll(/<([^<>\s]{1,998})>/g)].map(([, id = '']) => id)
  const ids = bracketed.length > 0 ? bracketed : value.split(/\s+/).filter((word) => word.includes('@'))
  const unique = [...new Set(ids.map((id) => storable(normaliseMessageId(id))))].filter((id) => id !== '')
  return unique.length <= MAX_IDS ? unique : [...unique.slice(0, 1), ...unique.slice(1 - MAX_IDS)]
}

/** One Message-ID as well as it can be read; '' where there is none. */
export const idIn = (value: string): string =>
  idsIn(value)[0] ?? oneLine(normaliseMessageId(value), 998).replaceAll(' ', '')

/** Addresses of all fields of that name, groups dissolved. */
export const mailboxesIn = (fields: readonly HeaderField[], name: string): WrittenMailbox[] =>
  fields
    .filter((field) => field.name === name)
    .flatMap(({ value }) => addressParser(value, { flatten: true }))
    .map((mailbox) => ({ address: oneLine(mailbox.address ?? '', 320), name: oneLine(mailbox.name, 200) }))
    .filter((mailbox) => mailbox.address !== '' || mailbox.name !== '')
    .map(({ address, name: phrase }) => (phrase === '' ? { address } : { address, name: phrase }))

/** The Subject, decoded (RFC 2047), in one line; '' where there is none. */
export const subjectIn = (fields: readonly HeaderField[]): string =>
  oneLine(decodeWords(first(fields, 'subject')))

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
/** Zones of RFC 5322 4.3, in hours; military and unknown ones count as UTC, as it says. */
const ZONES: Record<string, number> = {
  edt: -4,
  est: -5,
  cdt: -5,
  cst: -6,
  mdt: -6,
  mst: -7,
  pdt: -7,
  pst: -8,
}
const DATE =
  /(\d{1,2})\s+([a-z]{3})[a-z]*\.?\s+(\d{2,4})\s+(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?\s*([+-]\d{4}|[a-z]{1,5})?/i

const offsetMinutes = (zone: string): number => {
  const numeric = /^([+-])(\d{2})(\d{2})$/.exec(zone)
  if (numeric === null) return (ZONES[zone.toLowerCase()] ?? 0) * 60
  const minutes = Number(numeric[2]) * 60 + Number(numeric[3])
  return numeric[1] === '-' ? -minutes : minutes
}

/** A Date field (RFC 5322 3.3 and 4.3) as an instant; null where it is none, or far from any time with e-mail. */
export const instantIn = (value: string): string | null => {
  const [, day, month = '', year = '', hour, minute, second = '0', zone = ''] = DATE.exec(value) ?? []
  const monthIndex = MONTHS.indexOf(month.toLowerCase())
  if (monthIndex === -1) return null
  const fullYear = year.length === 4 ? Number(year) : Number(year) + (Number(year) < 50 ? 2000 : 1900)
  const local = Date.UTC(fullYear, monthIndex, Number(day), Number(hour), Number(minute), Number(second))
  const at = new Date(local - offsetMinutes(zone) * 60_000)
  const written = at.getUTCFullYear()
  return written >= 1970 && written < 2200 ? at.toISOString() : null
}
