import { oneLine } from '../text.ts'

/**
 * RFC 5321 4.5.3.1: 64 before the @, 255 after it. In bytes, so that what is said about all recipients fits into one
 * event.
 */
const MAX_ADDRESS_BYTES = 320

/**
 * An address as notices write it: including quoted local parts and letters of any script, without the punctuation
 * around it.
 */
export const ADDRESS = String.raw`(?:"[^"\n]{1,64}"|[^\s<>()\[\]\\,;:@"]{1,255})@[\p{L}\p{N}](?:[\p{L}\p{N}._-]{0,253}[\p{L}\p{N}])?`

const bounded = (text: string): string =>
  Buffer.from(oneLine(text))
    .subarray(0, MAX_ADDRESS_BYTES)
    .toString()
    .replace(/\ufffd$/, '')

/** The address that the text begins with, without quotes and angle brackets. */
export const plainAddress = (written: string): string =>
  bounded(written.replaceAll(/^['"<\s]+(?=[^"]*@)|['>\s]+$/g, ''))

/** `\x{42}` (RFC 6533 3), which mail systems without UTF-8 write for other characters. */
const decodeUnicode = (text: string): string =>
  text.replaceAll(/\\x\{([0-9a-f]{1,6})\}/gi, (written, hex: string) => {
    const point = Number.parseInt(hex, 16)
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : written
  })

/**
 * The address in a field of RFC 3464 2.3.1 or RFC 6533 3: `rfc822; bob@example.org`, `utf-8; …`; '' if there is none.
 */
export const typedAddress = (value: string): string => {
  const [, type = '', written = ''] = /^(?:\s*([\w-]{1,20})\s*;)?(.*)$/s.exec(value) ?? []
  const text = /^utf-8$/i.test(type) ? decodeUnicode(written) : written
  const found = new RegExp(`<(${ADDRESS})>|(${ADDRESS})`, 'u').exec(text)
  if (found) return plainAddress(found[1] ?? found[2] ?? '')
  return bounded(text.replace(/[<>]/g, ''))
}

/** RFC 3461 4 encodes ORCPT as xtext, and some systems copy it undecoded: `a+2Bb@example.org`. */
export const withoutXtext = (address: string): string =>
  address.replaceAll(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
