import type { Field } from '../../../domain/search/terms.ts'
import { unitsIn } from '../../../domain/search/units.ts'
import { stemIn } from './languages.ts'

// What PostgreSQL allows of a tsvector: 1 MB of words and places, 256 places of a word, none beyond 16,383.
const MOST_BYTES = 900_000
const MOST_PLACES = 250
const LAST_PLACE = 16_383
/** Words of one field are not next to those of another. */
const BETWEEN_FIELDS = 10

/**
 * Words with their places. `add` returns those of the text, without their stems, which are those of the language. Those
 * of a field are added once more as such: an index that tells fields apart is searched without a look at the words of
 * each message.
 */
export type WordList = {
  add(text: string, of: { readonly field?: Field; readonly language?: string | null }): string[]
  /** Adds what is no word of the text, but found like one. */
  mark(word: string): void
  /** As PostgreSQL reads a tsvector. */
  toString(): string
}

/** Whatever is too much is left out. */
export const wordList = (): WordList => {
  const list = new Map<string, number[]>()
  let place = 0
  let bytes = 0

  const put = (word: string, isPlaced: boolean): void => {
    if (bytes > MOST_BYTES) return
    const places = list.get(word)
    // Two bytes a place, and up to four before the first.
    bytes += places ? 2 : 6 + Buffer.byteLength(word)
    const here = isPlaced ? [Math.min(place, LAST_PLACE)] : []
    if (!places) list.set(word, here)
    else if (places.length < MOST_PLACES) places.push(...here)
  }

  return {
    add: (text, { field, language = null }) => {
      const added: string[] = []
      const putPlaced = (word: string): void => {
        put(word, true)
        if (field !== undefined) put(field + word, true)
      }
      const putShown = (word: string): void => {
        putPlaced(word)
        added.push(word)
      }
      place += BETWEEN_FIELDS
      for (const { parts, wholes, within } of unitsIn(text)) {
        for (const [nth, { word, also, written }] of parts.entries()) {
          place += 1
          const stem = language === null || written === null ? null : stemIn(language, written)
          const whole = nth === 0 ? [...wholes, ...within] : []
          for (const each of [...whole, word, ...also]) putShown(each)
          if (stem !== null) putPlaced(stem)
        }
      }
      return added
    },
    mark: (word) => put(word, false),
    toString: () =>
      [...list]
        .map(([word, places]) => (places.length === 0 ? quoted(word) : `${quoted(word)}:${places.join(',')}`))
        .join(' '),
  }
}

const quoted = (word: string): string => `'${word.replaceAll("'", "''")}'`
