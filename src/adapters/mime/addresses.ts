import type { WrittenMailbox } from '../../domain/mail.ts'
import { decodeWords, ENCODED_WORD } from './encoded-words.ts'
import { oneLine } from './text.ts'

/** `spaced`: preceded by white space or a comment. */
type Piece = {
  readonly kind: 'word' | 'quoted' | 'comment' | 'angle'
  readonly text: string
  readonly spaced: boolean
}
/** The text between two separators; `end` is the separator after it. */
type Segment = { readonly pieces: Piece[]; end: string }

const MAX_ADDRESS = 320
const MAX_NAME = 200

/** From an opening character to its closing one, or to the end: what is in between, and where it continues. */
const enclosed = (
  value: string,
  start: number,
  open: string,
  close: string,
): { text: string; next: number } => {
  let text = ''
  let depth = 1
  for (let at = start + 1; at < value.length; at++) {
    const character = value[at]!
    if (character === '\\' && at + 1 < value.length) {
      text += value[++at]!
    } else {
      if (character === close) depth--
      else if (character === open) depth++
      if (depth === 0) return { text, next: at + 1 }
      text += character
    }
  }
  return { text, next: value.length }
}

/** The text in angle brackets: up to the last `>` before the next separator, with quoted strings kept whole. */
const angled = (value: string, start: number): { text: string; next: number } => {
  let quoted = false
  for (let at = start + 1; at < value.length; at++) {
    const character = value[at]!
    if (quoted && character === '\\') at++
    else if (character === '"') quoted = !quoted
    else if (!quoted && character === '>') return { text: value.slice(start + 1, at), next: at + 1 }
  }
  // Never closed: an extra quotation mark, or cut off. It ends at the next separator.
  const end = /[,;>]|$/g
  end.lastIndex = start + 1
  const at = end.exec(value)?.index ?? value.length
  return { text: value.slice(start + 1, at), next: at }
}

const SEPARATORS = ',;:'
/** A word up to the next special character, or to an encoded word that follows without a space. */
const PLAIN = /[^][^\s,;:<>()"[=]*(?:=(?!\?)[^\s,;:<>()"[=]*)*/y

/** Splits a field at commas, semicolons and colons (RFC 5322 3.4), keeping comments and quoted strings whole. */
const segmentsOf = (value: string): Segment[] => {
  const segments: Segment[] = [{ pieces: [], end: '' }]
  let spaced = false
  let at = 0
  const push = (kind: Piece['kind'], text: string, next: number): void => {
    segments.at(-1)?.pieces.push({ kind, text, spaced })
    spaced = kind === 'comment'
    at = next
  }
  const encoded = new RegExp(ENCODED_WORD, 'y')
  while (at < value.length) {
    const character = value[at]!
    encoded.lastIndex = at
    const word = character === '=' ? encoded.exec(value) : null
    if (word) push('word', word[0], at + word[0].length)
    else if (character === '"') {
      const { text, next } = enclosed(value, at, '', '"')
      push('quoted', text, next)
    } else if (character === '(') {
      const { text, next } = enclosed(value, at, '(', ')')
      push('comment', text, next)
    } else if (character === '<') {
      const { text, next } = angled(value, at)
      push('angle', text, next)
    } else if (character === '[') {
      const end = value.indexOf(']', at)
      push('word', end === -1 ? character : value.slice(at, end + 1), end === -1 ? at + 1 : end + 1)
    } else if (SEPARATORS.includes(character)) {
      segments.at(-1)!.end = character
      segments.push({ pieces: [], end: '' })
      spaced = false
      at++
    } else if (/[\s>)]/.test(character)) {
      spaced = true
      at++
    } else {
      PLAIN.lastIndex = at
      const text = PLAIN.exec(value)?.[0] ?? character
      push('word', text, at + text.length)
    }
  }
  return segments
}

const phrase = (pieces: readonly Piece[], around: string): string =>
  oneLine(
    decodeWords(
      pieces.map(({ text, spaced }, index) => (index > 0 && spaced ? ` ${text}` : text)).join(''),
      around,
    ),
    MAX_NAME,
  )

/** `"a b"@example.org` needs its quotes, `"ann"@example.org` does not (RFC 5322 3.4.1). */
const quotedLocal = (local: string): string =>
  /^[^\s@<>()[\]\\,;:".]+(?:\.[^\s@<>()[\]\\,;:".]+)*$/.test(local)
    ? local
    : `"${local.replace(/["\\]/g, '\\$&')}"`

/** An address as written in angle brackets, without route, comments and spaces (RFC 5322 4.4). */
const addressIn = (text: string, around: string): string => {
  const decoded = decodeWords(text, around)
    .trim()
    .replace(/^<+\s*/, '')
    .replace(/^(?:mailto|smtp):/i, '')
  const routed = decoded.replace(/^(?:@[^:,@\s]*[\s,]*)+:/, '')
  if (!/["(\s]/.test(routed)) return oneLine(routed, MAX_ADDRESS)
  const pieces = segmentsOf(routed)
    .flatMap(({ pieces: each, end }) => [...each, { kind: 'word', text: end, spaced: false } as const])
    .filter(({ kind }) => kind !== 'comment')
    .map(
      ({ kind, text: part, spaced }) => `${spaced ? ' ' : ''}${kind === 'quoted' ? quotedLocal(part) : part}`,
    )
  return oneLine(pieces.join('').replace(/ *([@.]) */g, '$1'), MAX_ADDRESS)
}

const mailbox = (address: string, name: string): WrittenMailbox[] => {
  if (address === '' && name === '') return []
  return name === '' || name === address ? [{ address }] : [{ address, name }]
}

/** Joins the words that belong to one address: `ann @ example.org`, `"ann b"@example.org`. */
const glued = (pieces: readonly Piece[]): Piece[] => {
  const words: Piece[] = []
  for (const piece of pieces) {
    const last = words.at(-1)
    if (last && (piece.text.startsWith('@') || last.text.endsWith('@'))) {
      const local = last.kind === 'quoted' ? quotedLocal(last.text) : last.text
      words[words.length - 1] = { kind: 'word', text: `${local}${piece.text}`, spaced: last.spaced }
    } else words.push(piece)
  }
  return words
}

/** The address in a word, without the characters around it (`[mailto:ann@example.org]`); '' if there is none. */
const addressOf = ({ kind, text }: Piece): string => {
  if (kind !== 'word' || !/[^@]@[^@]/.test(text) || text.endsWith('?=')) return ''
  const inBrackets = /^\[(?:mailto:)?([^\s[\]]+@[^\s[\]]+)\]$/i.exec(text)?.[1] ?? text
  const bare = inBrackets.replace(/^(?:['`*]|mailto:)+/i, '').replace(/[^\p{L}\p{N}\]]+$/u, '')
  return oneLine(bare, MAX_ADDRESS)
}

/** A segment without angle brackets: one or more addresses; the other words are its name, or else the comment is. */
const bareMailboxes = (pieces: readonly Piece[], around: string): WrittenMailbox[] => {
  const comments = pieces.filter(({ kind }) => kind === 'comment')
  const words = glued(pieces.filter(({ kind }) => kind !== 'comment'))
  const addresses = words.map(addressOf).filter((address) => address !== '')
  const said = words.filter((word) => addressOf(word) === '')
  const name = phrase(said.length > 0 ? said : comments, around)
  if (addresses.length === 0) return wholeInWords(said, name)
  return addresses.flatMap((address, index) => mailbox(address, index === addresses.length - 1 ? name : ''))
}

/**
 * Some programs encode name and address as one word. Only angle brackets make it an address: a name must never become
 * one.
 */
const wholeInWords = (said: readonly Piece[], name: string): WrittenMailbox[] => {
  const encoded = said.length > 0 && said.every(({ kind, text }) => kind === 'word' && text.startsWith('=?'))
  if (!encoded || !/<[^<>\s]+@[^<>\s]+>/.test(name)) return mailbox('', name)
  return mailboxesOf(segmentsOf(name), '')
}

const angleMailboxes = (pieces: readonly Piece[], around: string): WrittenMailbox[] => {
  const angles = pieces.filter(({ kind }) => kind === 'angle')
  const named = pieces.filter(({ kind }) => kind === 'word' || kind === 'quoted')
  const name = phrase(named.length > 0 ? named : pieces.filter(({ kind }) => kind === 'comment'), around)
  const written = angles.map(({ text }) => addressIn(text, around)).filter((address) => address !== '')
  const addresses = written.filter((address) => address.includes('@') || !/[:; ]/.test(address))
  if (addresses.length === 0) return mailbox('', name || written.join(' '))
  return addresses.flatMap((address, index) => mailbox(address, index === 0 ? name : ''))
}

const hasAngle = ({ pieces }: Segment): boolean => pieces.some(({ kind }) => kind === 'angle')
const isName = (segment: Segment): boolean =>
  !hasAngle(segment) && !segment.pieces.some(({ kind, text }) => kind === 'word' && text.includes('@'))

/** An unquoted comma or colon belongs to the name that follows: `Berg, Paul <paul@example.org>`. */
const joinNames = (segments: readonly Segment[]): Segment[] => {
  const joined: Segment[] = []
  let names: Segment[] = []
  for (const segment of segments) {
    const { pieces, end } = segment
    if (pieces.length > 0 && isName(segment) && /[,:]/.test(end)) names.push(segment)
    else {
      const before = names.flatMap((name) => [
        ...spacedOut(name),
        { kind: 'word', text: name.end, spaced: false } as const,
      ])
      if (hasAngle(segment)) joined.push({ pieces: [...before, ...spacedOut(segment)], end })
      else joined.push(...names, segment)
      names = []
    }
  }
  return [...joined, ...names]
}

const spacedOut = ({ pieces: [first, ...rest] }: Segment): Piece[] =>
  first ? [{ ...first, spaced: true }, ...rest] : rest

/** Flattens groups (RFC 5322 3.4). A colon that begins no group is part of a name: `Sales: Ann <ann@example.org>`. */
const withoutGroups = (segments: readonly Segment[]): Segment[] => {
  const kept: Segment[] = []
  /** Whether a semicolon comes before the next colon, looking back from the end. */
  let closed = false
  for (let index = segments.length - 1; index >= 0; index--) {
    const segment = segments[index]!
    const next = segments[index + 1]
    const opens = segment.end === ':' && isName(segment)
    if (!opens || (!closed && next !== undefined && hasAngle(next))) kept.push(segment)
    if (/[;:]/.test(segment.end)) closed = segment.end === ';'
  }
  return kept.toReversed()
}

const mailboxesOf = (segments: readonly Segment[], around: string): WrittenMailbox[] =>
  joinNames(withoutGroups(segments)).flatMap((segment) =>
    hasAngle(segment) ? angleMailboxes(segment.pieces, around) : bareMailboxes(segment.pieces, around),
  )

/**
 * The mailboxes in an address field, as the standard has them and as people write them (RFC 5322 3.4 and 4.4). Whatever
 * is not an address keeps its words as a name without one. `around` is the charset of the mail.
 */
export const addressesIn = (value: string, around = ''): WrittenMailbox[] =>
  mailboxesOf(segmentsOf(value), around)
