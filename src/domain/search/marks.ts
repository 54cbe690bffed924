import type { Question } from './question.ts'
import type { Stems } from './terms.ts'
import { unitsIn, writtenIn, type Unit } from './units.ts'

/** A part of a text, in UTF-16 units from its beginning; `end` is the first one after it. */
export type Mark = { readonly start: number; readonly end: number }

/** What a question looks for in a text. */
type Wanted = { readonly words: ReadonlySet<string>; readonly prefixes: readonly string[] }

export const wantedBy = (questions: readonly Question[], stems: Stems): Wanted => {
  const words = new Set<string>()
  const prefixes: string[] = []
  for (const { excluded, exact, prefix, units } of questions.flat(2)) {
    if (excluded) continue
    for (const { wholes, parts } of units) {
      for (const whole of wholes) words.add(whole)
      for (const { word, also, written } of parts) {
        const isPair = written === null && also.length > 0
        for (const each of isPair ? also : [word, ...also]) words.add(each)
        if (!exact && written !== null && parts.length === 1)
          for (const stem of stems.of(written)) words.add(stem)
      }
    }
    if (prefix) prefixes.push(units.at(-1)?.parts.at(-1)?.word ?? '')
  }
  return { words, prefixes: prefixes.filter((prefix) => prefix !== '') }
}

type InText = (text: string, language: string | null) => Iterable<Mark>

/**
 * Finds where texts have what is wanted, in order. Most words of mail are in other mail too, so each is judged once; and
 * a text is read as far as marks are taken from it.
 */
export const marker = (wanted: Wanted, stems: Stems): InText => {
  const judged = new Map<string, readonly Mark[]>()
  const marksOf = (written: string, language: string | null): readonly Mark[] => {
    const key = `${language ?? ''} ${written}`
    const known = judged.get(key)
    if (known) return known
    const marks = unitsIn(written).flatMap((unit) => marksInUnit(unit, wanted, language, stems))
    judged.set(key, marks)
    return marks
  }
  return function* (text, language) {
    let last: Mark | null = null
    for (const { written, start: at } of writtenIn(text))
      for (const { start, end } of marksOf(written, language)) {
        if (last && at + start <= last.end) last = { start: last.start, end: Math.max(last.end, at + end) }
        else {
          if (last) yield last
          last = { start: at + start, end: at + end }
        }
      }
    if (last) yield last
  }
}

const marksInUnit = (
  { start, end, parts, wholes }: Unit,
  { words, prefixes }: Wanted,
  language: string | null,
  stems: Stems,
): Mark[] => {
  const isWanted = (word: string): boolean =>
    words.has(word) || prefixes.some((prefix) => word.startsWith(prefix))
  const isRelated = (written: string): boolean => {
    const stem = language === null ? null : stems.in(language, written)
    return stem !== null && words.has(stem)
  }
  if (wholes.some(isWanted)) return [{ start, end }]
  return parts.flatMap((part, nth) => {
    const isPair = part.written === null && part.also.length > 0
    if (isPair && part.also.some(isWanted))
      return [{ start: part.start, end: parts[nth + 1]?.end ?? part.end }]
    const isFound =
      isWanted(part.word) ||
      (!isPair && part.also.some(isWanted)) ||
      (part.written !== null && isRelated(part.written))
    return isFound ? [{ start: part.start, end: part.end }] : []
  })
}

/** How much of a text is shown around what was found first. */
const SHOWN = 240
const BEFORE = 60

/** The part of a text around its first mark, with the marks that lie in it; its beginning if there is none. */
export const extractOf = (text: string, marks: Iterable<Mark>): { text: string; marks: Mark[] } => {
  const near: Mark[] = []
  for (const mark of marks) {
    if (mark.start > (near[0]?.start ?? mark.start) + SHOWN) break
    near.push(mark)
  }
  const first = near[0]?.start ?? 0
  const from = first <= BEFORE ? 0 : wordStart(text, first - BEFORE, first)
  const cut = text.slice(from, from + SHOWN)
  const shown = cut.toWellFormed() === cut ? cut : cut.replace(/[\ud800-\udbff]$/, '')
  return {
    text: shown,
    marks: near
      .map(({ start, end }) => ({ start: start - from, end: end - from }))
      .filter(({ start, end }) => start >= 0 && end <= shown.length),
  }
}

/** The first beginning of a word from here on, but not beyond `last`. */
const wordStart = (text: string, from: number, last: number): number => {
  const space = text.indexOf(' ', from)
  return space === -1 || space >= last ? last : space + 1
}
