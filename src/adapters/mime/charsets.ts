import { isAscii, isUtf8 } from 'node:buffer'
import iconv from 'iconv-lite'

type Decode = (bytes: Uint8Array) => string

/** Labels that neither TextDecoder nor iconv-lite knows in any spelling, and what they mean. */
const ALIASES: Record<string, string> = {
  cp50220: 'iso-2022-jp',
  cp50221: 'iso-2022-jp',
  cp50222: 'iso-2022-jp',
  iso2022jp: 'iso-2022-jp',
  iso2022jp1: 'iso-2022-jp',
  iso2022jp2: 'iso-2022-jp',
  iso2022jpms: 'iso-2022-jp',
  jis: 'iso-2022-jp',
  junet: 'iso-2022-jp',
  cp51932: 'euc-jp',
  eucjpms: 'euc-jp',
  eucjpwin: 'euc-jp',
  ujis: 'euc-jp',
  sjiswin: 'shift_jis',
  shiftjis2004: 'shift_jis',
  ms932: 'shift_jis',
  euccn: 'gb18030',
  ms936: 'gb18030',
  uhc: 'euc-kr',
  ms949: 'euc-kr',
  ksc56011992: 'euc-kr',
  ms950: 'big5',
  big5eten: 'big5',
  utf7: 'utf-7',
  unicode11utf7: 'utf-7',
  unicode20utf7: 'utf-7',
  cp65000: 'utf-7',
  cp65001: 'utf-8',
  unicodeutf8: 'utf-8',
  wtf8: 'utf-8',
  utf8mb4: 'utf-8',
}

/** Labels that only say that the text was plain, or nothing at all. */
const SAYS_NOTHING =
  /^(?:|(?:us-?)?ascii|ansi_x3\.4-19\d\d|iso-?646-us|x?-?unknown(?:-8bit)?|default(?:_charset)?|none|binary|[78]-?bit|x-user-defined|_?charset.*|ansi|mixed)$/

/** TextDecoder's UTF-16 and UCS-2 ignore a byte order mark of the other byte order; iconv-lite does not. */
const BY_MARK = /^(?:csunicode|iso-10646-ucs-2|ucs-?2|unicode|utf-?16)$/

const textDecoder = (label: string): Decode | null => {
  try {
    const decoder = new TextDecoder(label)
    return (bytes) => decoder.decode(bytes)
  } catch {
    return null
  }
}

const iconvDecoder = (label: string): Decode | null =>
  iconv.encodingExists(label) && !/^(?:internal|base64|hex|binary|cesu8)$/i.test(label)
    ? (bytes) => iconv.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), label)
    : null

const known = (label: string): Decode | null =>
  BY_MARK.test(label) ? iconvDecoder('utf-16') : (textDecoder(label) ?? iconvDecoder(label))

/**
 * The spellings to try for a label, the original first: without `x-` and `cs`, without separators, code pages as `cp…`.
 */
const spellings = (label: string): string[] => {
  const bare = label.replace(/^(?:x-|cs)+/, '')
  const joined = bare.replace(/[\s._-]+/g, '')
  const page = joined.replace(/^(?:cp|windows|win|ms|ibm|dos|codepage)(?=\d)/, 'cp')
  const aliases = [joined, page].flatMap((name) => (Object.hasOwn(ALIASES, name) ? [ALIASES[name]!] : []))
  return [label, ...aliases, bare, joined, page, page.replace(/^cp(125\d)$/, 'windows-$1')]
}

/** Labels come from strangers, so only a limited number is remembered. */
const MAX_KEPT = 500
const kept = new Map<string, Decode | null>()

const decoderOf = (label: string): Decode | null => {
  const found = kept.get(label)
  if (found !== undefined) return found
  const decode =
    label.length > 60
      ? null
      : (spellings(label)
          .map(known)
          .find((each) => each !== null) ?? null)
  if (kept.size < MAX_KEPT) kept.set(label, decode)
  return decode
}

const utf8 = new TextDecoder()
const cleanLabel = (label: string): string =>
  label
    .trim()
    .replace(/^["']|["']$/g, '')
    .replace(/[*\s].*$/, '')
    .toLowerCase()

/** Whether the label names UTF-7, which is ASCII on the wire. */
export const isUtf7 = (label: string): boolean =>
  /utf-?_?7|65000/.test(label.toLowerCase()) && spellings(cleanLabel(label)).includes('utf-7')

/** Whether the label names a charset that says how to read non-ASCII bytes. */
export const saysCharset = (label: string): boolean => {
  const clean = cleanLabel(label)
  return !SAYS_NOTHING.test(clean) && decoderOf(clean) !== null
}

/**
 * Bytes as text. If the label says nothing or is unknown, they are UTF-8 if valid, or else in the charset of what
 * surrounds them, or else guessed.
 */
export const decodeBytes = (bytes: Uint8Array, label: string, around = ''): string => {
  const clean = cleanLabel(label)
  if (clean === 'utf-8') return utf8.decode(bytes)
  const said = SAYS_NOTHING.test(clean) ? null : decoderOf(clean)
  if (said !== null) return said(bytes)
  if (isUtf8(bytes)) return utf8.decode(bytes)
  const near =
    saysCharset(around) && !/utf-?_?[78]/i.test(around) ? cleanLabel(around) : guessedCharset(bytes)
  return decoderOf(near)?.(bytes) ?? utf8.decode(bytes)
}

const SHIFTED = /\+[A-Za-z0-9+/]{3,}-?/g

/** Raw UTF-7 in a header, only if beyond doubt: whole UTF-16 units, and not ASCII alone (RFC 2152). */
export const decodeShifted = (text: string): string =>
  text.replace(SHIFTED, (run) => {
    const bits = run.replace(/[+-]/g, '').length * 6
    const decoded = iconv.decode(Buffer.from(run, 'latin1'), 'utf-7')
    return bits % 16 < 6 && !isAscii(Buffer.from(decoded)) && !decoded.includes('\ufffd') ? decoded : run
  })

/**
 * A guess at the charset of 8-bit text without a label. In Western languages letters beyond ASCII stand alone between
 * ASCII ones, in others they come in runs. Runs of byte pairs from A1 to FE are EUC: Korean if all pairs begin with B0
 * to C8 (Hangul), otherwise Chinese. Other runs are Cyrillic: lower case is more frequent than upper case, and is at C0
 * to DF in KOI8-R and at E0 to FF in windows-1251. Everything else is windows-1252.
 */
export const guessedCharset = (bytes: Uint8Array): string => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 4096)).toString(
    'latin1',
  )
  const rows = text.match(/[\x80-\xff]+/g) ?? []
  const all = rows.join('')
  const inWords = rows.filter((row) => row.length > 2).join('')
  if (inWords.length * 2 <= all.length) return 'windows-1252'
  if (rows.every((row) => /^(?:[\xa1-\xfe]{2})+$/.test(row))) {
    const pairs = all.match(/../gs) ?? []
    // Many Cyrillic words have an odd number of letters, and no run is as long as a sentence of ideographs.
    if (pairs.length > 1)
      return pairs.every((pair) => /^[\xb0-\xc8]/.test(pair)) ? 'euc-kr' : chineseOrCyrillic(all)
  }
  return cyrillic(all)
}

const cyrillic = (letters: string): string => {
  const low = letters.match(/[\xc0-\xdf]/g)?.length ?? 0
  const high = letters.match(/[\xe0-\xff]/g)?.length ?? 0
  if (low + high < letters.length * 0.8) return 'windows-1252'
  return low > high ? 'koi8-r' : 'windows-1251'
}

/** Ideographs in GB 2312 begin with B0 to F7, common ones below D8; Cyrillic letters are all above C0. */
const chineseOrCyrillic = (letters: string): string =>
  /[\xa1-\xa2\xa4-\xb2\xb4-\xbf]/.test(letters) ? 'gb18030' : cyrillic(letters)
