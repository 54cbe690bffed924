import { decodeBytes, isUtf7 } from './charsets.ts'

type Word = { readonly charset: string; readonly base64: boolean; readonly text: string }

/** RFC 2047 2 and what is found in practice: spaces and question marks in the text, and far more than 75 characters. */
export const ENCODED_WORD = /=\?([^?\s=]{1,60})\?([QqBb])\?((?:[^?]|\?(?!=)){0,4000})\?=/g

const bytesOf = ({ base64, text }: Word): Buffer => {
  if (base64) return Buffer.from(text, 'base64')
  const plain = text.replaceAll('_', ' ').replace(/=\s+(?=[0-9a-f])/gi, '=')
  return Buffer.from(
    // Non-ASCII does not belong here; if found anyway, it is UTF-8.
    Buffer.from(plain, 'utf8')
      .toString('latin1')
      .replace(/=([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
    'latin1',
  )
}

/** Consecutive words in one charset form one run of bytes: some senders split characters between them. */
const together = (words: readonly Word[]): Word[][] => {
  const rows: Word[][] = []
  for (const word of words) {
    const row = rows.at(-1)
    const last = row?.at(-1)
    if (row && last && last.charset === word.charset && mayJoin(last)) row.push(word)
    else rows.push([word])
  }
  return rows
}

/** A UTF-7 shift ends with its word, unless the word ends within a character (RFC 2152). */
const mayJoin = (last: Word): boolean => {
  if (!isUtf7(last.charset)) return true
  const open = /\+([A-Za-z0-9/+]+)$/.exec(bytesOf(last).toString('latin1'))?.[1]
  return open !== undefined && (open.length * 6) % 16 >= 6
}

/** Whether base64 ends at a byte boundary, padded or not. */
const isWhole = (text: string): boolean =>
  Buffer.from(text, 'base64').toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')

/** Base64 that was cut within a byte continues in the next word. */
const joined = (row: readonly Word[]): Buffer => {
  const bytes: Buffer[] = []
  let pending = ''
  for (const word of row) {
    if (!word.base64) {
      bytes.push(bytesOf(word))
      continue
    }
    pending += word.text.replace(/[^A-Za-z0-9+/=]/g, '')
    if (!isWhole(pending)) continue
    bytes.push(Buffer.from(pending, 'base64'))
    pending = ''
  }
  return Buffer.concat([...bytes, Buffer.from(pending, 'base64')])
}

const count = (text: string): number => text.split('\ufffd').length

const decodeRow = (row: readonly Word[], around: string): string => {
  const charset = row[0]?.charset ?? ''
  const whole = decodeBytes(joined(row), charset, around)
  if (row.length === 1 || !whole.includes('\ufffd')) return whole
  const apart = row.map((word) => decodeBytes(bytesOf(word), charset, around)).join('')
  return count(apart) < count(whole) ? apart : whole
}

/**
 * Text with its encoded words decoded (RFC 2047, RFC 2231 5), wherever they are; white space between two of them is
 * dropped. `around` is the charset of the mail, for words whose own is unknown.
 */
export const decodeWords = (text: string, around = ''): string => {
  if (!text.includes('=?')) return text
  let decoded = ''
  let words: Word[] = []
  let end = 0
  const flush = (): void => {
    for (const row of together(words)) decoded += decodeRow(row, around)
    words = []
  }
  for (const match of text.matchAll(ENCODED_WORD)) {
    const [whole, charset = '', encoding = '', encoded = ''] = match
    const between = text.slice(end, match.index)
    if (words.length === 0 || between.trim() !== '') {
      flush()
      decoded += between
    }
    words.push({
      charset: charset.replace(/\*.*$/, '').toLowerCase(),
      base64: /b/i.test(encoding),
      text: encoded,
    })
    end = match.index + whole.length
  }
  flush()
  return decoded + text.slice(end)
}
