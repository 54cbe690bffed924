import { isAscii } from 'node:buffer'
import type { WrittenMailbox } from '../../domain/mail.ts'
import { addressesIn } from './addresses.ts'
import { decodeBytes, decodeShifted, isUtf7 } from './charsets.ts'
import { decodeWords } from './encoded-words.ts'
import { oneLine } from './text.ts'

export type HeaderField = { readonly name: string; readonly value: string }
/** A field whose value is bytes, one character per byte. */
export type RawField = HeaderField

/** The fields of a header in order, unfolded (RFC 5322 2.2.3), with names in lower case; invalid lines are left out. */
export const fieldsOf = (header: Buffer): RawField[] =>
  header
    .toString('latin1')
    .split(/\r?\n(?![ \t])/)
    .flatMap((line) => {
      const colon = line.indexOf(':')
      const name = line.slice(0, colon).trimEnd().toLowerCase()
      if (colon < 1 || !/^[!-9;-~]+$/.test(name)) return []
      const value = line
        .slice(colon + 1)
        .replace(/\r?\n/g, '')
        .trim()
      return [{ name, value }]
    })

/**
 * Values as text: raw 8-bit ones are UTF-8 (RFC 6532) if valid, or else in the charset of the mail's text, or else
 * guessed; raw ISO-2022-JP is recognised by its escapes.
 */
export const decodeFields = (fields: readonly RawField[], around: string): HeaderField[] =>
  fields.map(({ name, value }) => ({ name, value: rawText(value, around) }))

/** One value as text. */
export const rawText = (value: string, around: string): string => {
  const bytes = Buffer.from(value, 'latin1')
  if (!isAscii(bytes)) return decodeBytes(bytes, '', around)
  return value.includes('\u001b$') ? decodeBytes(bytes, 'iso-2022-jp') : value
}

/** The fields of a header as text. `around` is the charset of what the header belongs to. */
export const headerFields = (header: Buffer, around = ''): HeaderField[] =>
  decodeFields(fieldsOf(header), around)

/** The first field with this name, '' if there is none. */
export const first = (fields: readonly HeaderField[], name: string): string =>
  fields.find((field) => field.name === name)?.value ?? ''

/** The addresses in all fields with this name, with groups flattened. */
export const mailboxesIn = (fields: readonly HeaderField[], name: string, around = ''): WrittenMailbox[] =>
  fields.filter((field) => field.name === name).flatMap(({ value }) => addressesIn(value, around))

/** The Subject, decoded (RFC 2047), in one line; '' if there is none. */
export const subjectIn = (fields: readonly HeaderField[], around = ''): string => {
  const written = first(fields, 'subject')
  return oneLine(decodeWords(isUtf7(around) ? decodeShifted(written) : written, around))
}
