import type { Question } from './question.ts'
import type { Stems } from './terms.ts'
import { unitsIn, type Unit } from './units.ts'

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

/** Where a text in this language has what is wanted, in order. */
export const marksIn = (
  text: string,
  { words, prefixes }: Wanted,
  language: string | null,
  stems: Stems,
): Mark[] => {
  const marks: { start: number; end: number }[] = []
  const mark = (start: number, end: number): void => {
    const last = marks.at(-1)
    if (last && start <= last.end) last.end = Math.max(last.end, end)
    else marks.push({ start, end })
  }
  const isWanted = (word: string): boolean =>
    words.has(word) || prefixes.some((prefix) => word.startsWith(prefix))
  for (const unit of unitsIn(text)) {
    if (unit.wholes.some(isWanted)) mark(unit.start, unit.end)
    else
      markParts(unit, mark, isWanted, (written) => {
        const stem = language === null ? null : stems.in(language, written)
        return stem !== null && words.has(stem)
      })
  }
  return marks
}

const markParts = (
  { parts }: Unit,
  mark: (start: number, end: number) => void,
  isWanted: (word: string) => boolean,
  isRelated: (written: string) => boolean,
): void => {
  for (const [nth, { start, end, word, also, written }] of parts.entries()) {
    const isPair = written === null && also.length > 0
    if (isPair && also.some(isWanted)) mark(start, parts[nth + 1]?.end ?? end)
    else if (isWanted(word) || (!isPair && also.some(isWanted)) || (written !== null && isRelated(written)))
      mark(start, end)
  }
}

/** How much of a text is shown around what was found first. */
const SHOWN = 240
const BEFORE = 60

/** The part of a text around its first mark, with the marks that lie in it; its beginning if there is none. */
export const extractOf = (text: string, marks: readonly Mark[]): { text: string; marks: Mark[] } => {
  const first = marks[0]?.start ?? 0
  const from = first <= BEFORE ? 0 : wordStart(text, first - BEFORE, first)
  const cut = text.slice(from, from + SHOWN)
  const shown = cut.toWellFormed() === cut ? cut : cut.replace(/[\ud800-\udbff]$/, '')
  return {
    text: shown,
    marks: marks
      .map(({ start, end }) => ({ start: start - from, end: end - from }))
      .filter(({ start, end }) => start >= 0 && end <= shown.length),
  }
}

/** The first beginning of a word from here on, but not beyond `last`. */
const wordStart = (text: string, from: number, last: number): number => {
  const space = text.indexOf(' ', from)
  return space === -1 || space >= last ? last : space + 1
}
