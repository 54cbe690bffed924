import { UnreadableMail } from '../../commands/ports/parser.ts'

export const MAX_RAW_BYTES = 35 * 1024 * 1024
const MAX_HEADER_BYTES = 256 * 1024
/** The headers of all parts together. */
export const MAX_ALL_HEADER_BYTES = 2 * 1024 * 1024
export const MAX_PARTS = 1000
export const MAX_DEPTH = 50
export const MAX_ADDRESSES = 1000

const MESSAGES = {
  'too-large': 'The message is larger than 35 MB',
  'headers-too-large': 'The header of the message is larger than 256 kB',
  'too-many-parts': 'The message has more than 1,000 parts',
  'too-deep': 'The parts of the message are nested more than 50 deep',
  'too-many-addresses': 'The header of the message has more than 1,000 addresses',
  'too-slow': 'Reading the message takes too long',
  'too-much-memory': 'Reading the message takes too much memory',
  unparsable: 'The message cannot be read',
} as const

export type Reason = keyof typeof MESSAGES

export const isReason = (text: string): text is Reason => Object.hasOwn(MESSAGES, text)

/** The error for a mail beyond a limit; `reason` is its code. */
export const unreadable = (reason: Reason): UnreadableMail => new UnreadableMail(reason, MESSAGES[reason])

/**
 * The offset of the first byte after the empty line that ends the header (RFC 5322 2.1); the length if there is none.
 */
export const bodyStart = (raw: Uint8Array): number => {
  if (raw[0] === 0x0a) return 1
  if (raw[0] === 0x0d && raw[1] === 0x0a) return 2
  for (let at = raw.indexOf(0x0a); at !== -1; at = raw.indexOf(0x0a, at + 1)) {
    if (raw[at + 1] === 0x0a) return at + 2
    if (raw[at + 1] === 0x0d && raw[at + 2] === 0x0a) return at + 3
  }
  return raw.length
}

/** Refuses mail that would be too costly to parse. @throws UnreadableMail */
export const requireReadable = (raw: Buffer): void => {
  if (raw.length > MAX_RAW_BYTES) throw unreadable('too-large')
  if (bodyStart(raw) > MAX_HEADER_BYTES) throw unreadable('headers-too-large')
}
