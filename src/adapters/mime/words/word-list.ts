import { unitsIn } from '../../../domain/search/units.ts'
import { stemIn } from './languages.ts'

/** People, the subject, the names of attachments, the body. */
type Weight = 'A' | 'B' | 'C' | 'D'

// What PostgreSQL allows of a tsvector: 1 MB of words and places, 256 places of a word, none beyond 16,383.
const MOST_BYTES = 900_000
const MOST_PLACES = 250
const LAST_PLACE = 16_383
/** Words of one field are not next to those of another. */
const BETWEEN_FIELDS = 10

/**
 * Words with their places. `add` returns those of the text, without their stems, which are those of the language.
 */
export type WordList = {
  add(weight: Weight, text: string, language?: string | null): string[]
  /** Adds what is no word of the text, but found like one. */
  mark(word: string): void
  /** As PostgreSQL reads a tsvector. */
  toString(): string
}

/** Whatever is too much is left out. */
export const wordList = (): WordList => {
  const list = new Map<string, string[]>()
  let place = 0
  let bytes = 0

  const put = (word: string, weight?: Weight): void => {
    if (bytes > MOST_BYTES) return
    const places = list.get(word)
    // Two bytes a place, and up to four before the first.
    bytes += places ? 2 : 6 + Buffer.byteLength(word)
    const here = weight === undefined ? [] : [`${Math.min(place, LAST_PLACE)}${weight}`]
    if (!places) list.set(word, here)
    else if (places.length < MOST_PLACES) places.push(...here)
  }

  return {
    add: (weight, text, language = null) => {
      const added: string[] = []
      const putShown = (word: string): void => {
        put(word, weight)
        added.push(word)
      }
      place += BETWEEN_FIELDS
      for (const { parts, wholes, within } of unitsIn(text)) {
        for (const [nth, { word, also, written }] of parts.entries()) {
          place += 1
          const stem = language === null || written === null ? null : stemIn(language, written)
          const whole = nth === 0 ? [...wholes, ...within] : []
          for (const each of [...whole, word, ...also]) putShown(each)
          if (stem !== null) put(stem, weight)
        }
      }
      return added
    },
    mark: (word) => put(word),
    toString: () =>
      [...list]
        .map(([word, places]) => (places.length === 0 ? quoted(word) : `${quoted(word)}:${places.join(',')}`))
        .join(' '),
  }
}

const quoted = (word: string): string => `'${word.replaceAll("'", "''")}'`
