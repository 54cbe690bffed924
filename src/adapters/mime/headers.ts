import { domainToASCII } from 'node:url'
import type { Mailbox } from '../../domain/mail.ts'

/** Lines are folded at the 78 characters that RFC 5322 2.1.1 recommends, where possible. */
const LINE_LENGTH = 76
/** RFC 2047 2: an encoded word, including its frame `=?UTF-8?Q?…?=`. */
const ENCODED_WORD_LENGTH = 75

/** `Name: value`, folded, followed by CR LF. The value is in parts between which a line may be folded. */
export const headerLine = (name: string, parts: readonly string[]): string => {
  let text = `${name}:`
  let column = text.length
  for (const [index, part] of parts.entries()) {
    const fits = index === 0 || column + 1 + part.length <= LINE_LENGTH
    text += fits ? ` ${part}` : `\r\n ${part}`
    column = fits ? column + 1 + part.length : 1 + part.length
  }
  return `${text}\r\n`
}

/**
 * Free text (RFC 5322 2.2.1) in parts: unchanged if it is plain, otherwise in encoded words (RFC 2047), so that every
 * reader sees exactly this text, spaces included.
 */
export const unstructured = (text: string): string[] => (isPlain(text) ? text.split(' ') : encodedWords(text))

/** A mailbox in parts: the name, and the address in angle brackets with its domain in ASCII if possible. */
export const mailboxParts = ({ name = '', address }: Mailbox): string[] => {
  const written = name.trim() === '' ? [] : phrase(name.trim())
  const ascii = asciiAddress(address)
  return written.length === 0 && !ascii.startsWith('"') ? [ascii] : [...written, `<${ascii}>`]
}

/** A list of mailboxes in parts. */
export const mailboxList = (mailboxes: readonly Mailbox[]): string[] =>
  mailboxes.flatMap((mailbox, index) => {
    const parts = mailboxParts(mailbox)
    return index < mailboxes.length - 1 ? [...parts.slice(0, -1), `${parts.at(-1)},`] : parts
  })

/** A local part beyond ASCII makes the whole address UTF-8 (RFC 6531); otherwise the domain is sent as A-labels. */
const asciiAddress = (address: string): string => {
  const at = address.lastIndexOf('@')
  const local = address.slice(0, at)
  return /^[\x21-\x7e ]*$/.test(local)
    ? `${local}@${domainToASCII(address.slice(at + 1)) || address.slice(at + 1)}`
    : address
}

/** Printable ASCII with single spaces, nothing resembling an encoded word, no word too long for a line. */
const isPlain = (text: string): boolean =>
  /^(?:[\x21-\x7e]{1,200}(?: [\x21-\x7e]{1,200})*)?$/.test(text) && !text.includes('=?')

const phrase = (name: string): string[] => {
  if (!isPlain(name)) return encodedWords(name)
  if (/^[\w !#$%&'*+/=?^`{|}~-]*$/.test(name)) return name.split(' ')
  return name.length <= 200 ? [`"${name.replaceAll(/["\\]/g, '\\$&')}"`] : encodedWords(name)
}

/**
 * Each word is complete in itself: no character is split (RFC 2047 5). Q for mostly Latin text, B for everything else.
 */
const encodedWords = (text: string): string[] => {
  const characters = Array.from(text)
  const useQ = characters.filter((character) => /[A-Za-z0-9 ]/.test(character)).length > characters.length / 2
  const encode = useQ ? encodeQ : encodeB
  const frame = '=?UTF-8?Q??='.length
  const words: string[] = []
  let word = ''
  for (const character of characters) {
    if (word !== '' && encode(word + character).length + frame > ENCODED_WORD_LENGTH) {
      words.push(word)
      word = ''
    }
    word += character
  }
  if (word !== '') words.push(word)
  return words.map((each) => `=?UTF-8?${useQ ? 'Q' : 'B'}?${encode(each)}?=`)
}

const encodeB = (text: string): string => Buffer.from(text, 'utf8').toString('base64')

/** Only what is allowed in a phrase goes unencoded (RFC 2047 5 (3)). */
const encodeQ = (text: string): string =>
  Array.from(Buffer.from(text, 'utf8'), (byte) => {
    const character = String.fromCodePoint(byte)
    if (character === ' ') return '_'
    return /[A-Za-z0-9!*+/-]/.test(character)
      ? character
      : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }).join('')
