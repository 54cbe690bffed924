import { fold, umlautsSpelled } from './fold.ts'

/**
 * A word by itself, in a text from `start` to `end`. `word` is its folded form, `also` are others under which it is
 * found. `written` is what a stemmer takes; null if there is nothing to stem.
 */
export type Part = {
  readonly start: number
  readonly end: number
  readonly word: string
  readonly also: readonly string[]
  readonly written: string | null
}

/**
 * What stands between spaces or punctuation: a word, or several that belong together, such as an address, a domain, an
 * order number or a compound with hyphens. `wholes` are its forms as a whole, `within` what else it is found by, such as
 * the domain of an address.
 */
export type Unit = {
  readonly start: number
  readonly end: number
  readonly parts: readonly Part[]
  readonly wholes: readonly string[]
  readonly within: readonly string[]
}

/** As much of a word as is kept; nobody types more. In UTF-16 units. */
const MOST = 100

const LETTER = String.raw`[\p{L}\p{N}][\p{L}\p{N}\p{M}\u00ad\u200b-\u200d\u2060\ufe00-\ufe0d]*`
const JOINER = String.raw`[.\-_@+'&’‐‑]`
const UNITS = new RegExp(
  String.raw`${LETTER}(?:${JOINER}${LETTER})*|\p{RGI_Emoji}|\p{Extended_Pictographic}`,
  'gv',
)
const LETTERS = new RegExp(LETTER, 'gu')
/** Scripts that write words without spaces, or with endings of which there are too many. */
const BY_CHARACTER = String.raw`\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}`
const BY_DICTIONARY = String.raw`\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}`
const MARK = String.raw`\p{M}\uff9e\uff9f`
const RUNS = new RegExp(
  String.raw`(?<characters>(?:[[${BY_CHARACTER}]--[\p{N}]][${MARK}]*)+)|(?<dictionary>[${BY_DICTIONARY}${MARK}]+)|` +
    String.raw`[^${BY_CHARACTER}${BY_DICTIONARY}]+|.`,
  'gv',
)
const CHARACTER = new RegExp(String.raw`[^${MARK}][${MARK}]*`, 'gu')
const segmenter = new Intl.Segmenter('und', { granularity: 'word' })

/** What of a text its units are made of, in order. */
export const writtenIn = function* (
  text: string,
): Generator<{ readonly written: string; readonly start: number }> {
  for (const { 0: written, index: start } of text.matchAll(UNITS)) yield { written, start }
}

/** The units of a text, in order. */
export const unitsIn = (text: string): Unit[] =>
  [...writtenIn(text)].flatMap(({ written, start }) => {
    const parts = partsOf(written, start)
    return parts.length === 0 ? [] : [{ start, end: start + written.length, parts, ...wholeOf(written) }]
  })

const partsOf = (unit: string, at: number): Part[] => {
  if (/[\p{L}\p{N}]/u.test(unit))
    return [...unit.matchAll(LETTERS)].flatMap(({ 0: letters, index }) => partsOfLetters(letters, at + index))
  const word = unit.replaceAll(/[\ufe0e\ufe0f]/g, '')
  return [{ start: at, end: at + unit.length, word, also: [], written: null }]
}

const SIMPLE = /^[\x21-\x7e\u00a1-\u024f]*$/

const partsOfLetters = (letters: string, at: number): Part[] => {
  if (SIMPLE.test(letters)) return wordPart(letters, at)
  return [...letters.matchAll(RUNS)].flatMap(({ 0: run, index, groups }) => {
    const start = at + index
    if (groups?.['characters'] !== undefined) return characterParts(run, start)
    if (groups?.['dictionary'] === undefined) return wordPart(run, start)
    return [...segmenter.segment(run)].flatMap((word) => wordPart(word.segment, start + word.index))
  })
}

const wordPart = (run: string, start: number): Part[] => {
  const written = run.slice(0, MOST).toWellFormed()
  const word = fold(written)
  if (word === '') return []
  const spelled = umlautsSpelled(written)
  const also = spelled === null ? [] : [spelled]
  return [{ start, end: start + run.length, word, also, written: written.toLowerCase() }]
}

/** Every character, and with the next one: so that any part of what is written without spaces is found. */
const characterParts = (run: string, at: number): Part[] => {
  const characters = [...run.matchAll(CHARACTER)]
    .map(({ 0: written, index }) => ({ written, start: at + index, word: fold(written) }))
    .filter(({ word }) => word !== '')
  return characters.map(({ written, start, word }, nth) => {
    const next = characters[nth + 1]
    return { start, end: start + written.length, word, also: next ? [word + next.word] : [], written: null }
  })
}

const AS_WHOLE = new RegExp(JOINER, 'u')

const wholeOf = (written: string): Pick<Unit, 'wholes' | 'within'> => {
  if (!AS_WHOLE.test(written)) return { wholes: [], within: [] }
  const whole = fold(written.slice(0, MOST).toWellFormed())
  const isCompound = /^[^.@]+-[^.@]+$/.test(whole)
  const wholes = isCompound ? [whole, whole.replaceAll('-', '')] : [whole]
  const at = whole.lastIndexOf('@')
  const labels = whole.slice(at + 1).split('.')
  // A domain is found by those that it belongs to, and an address by both its sides.
  const domains = labels
    .slice(at === -1 ? 1 : 0, -1)
    .map((_, nth, { length }) => labels.slice(-1 - length + nth).join('.'))
  return { wholes, within: at > 0 ? [whole.slice(0, at), ...domains] : domains }
}
