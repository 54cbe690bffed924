import { stemmer as arabic } from '@orama/stemmers/arabic'
import { stemmer as bulgarian } from '@orama/stemmers/bulgarian'
import { stemmer as danish } from '@orama/stemmers/danish'
import { stemmer as dutch } from '@orama/stemmers/dutch'
import { stemmer as english } from '@orama/stemmers/english'
import { stemmer as finnish } from '@orama/stemmers/finnish'
import { stemmer as french } from '@orama/stemmers/french'
import { stemmer as german } from '@orama/stemmers/german'
import { stemmer as greek } from '@orama/stemmers/greek'
import { stemmer as hungarian } from '@orama/stemmers/hungarian'
import { stemmer as italian } from '@orama/stemmers/italian'
import { stemmer as norwegian } from '@orama/stemmers/norwegian'
import { stemmer as portuguese } from '@orama/stemmers/portuguese'
import { stemmer as romanian } from '@orama/stemmers/romanian'
import { stemmer as russian } from '@orama/stemmers/russian'
import { stemmer as spanish } from '@orama/stemmers/spanish'
import { stemmer as swedish } from '@orama/stemmers/swedish'
import { stemmer as turkish } from '@orama/stemmers/turkish'
import { stemmer as ukrainian } from '@orama/stemmers/ukrainian'
import { fold } from '../../../domain/search/fold.ts'
import type { Stems } from '../../../domain/search/terms.ts'

type Script = 'Latin' | 'Cyrillic' | 'Greek' | 'Arabic'
type Language = { readonly script: Script; readonly stem: (word: string) => string }

const languages: Readonly<Record<string, Language>> = {
  ar: { script: 'Arabic', stem: arabic },
  bg: { script: 'Cyrillic', stem: bulgarian },
  da: { script: 'Latin', stem: danish },
  de: { script: 'Latin', stem: german },
  el: { script: 'Greek', stem: greek },
  en: { script: 'Latin', stem: english },
  es: { script: 'Latin', stem: spanish },
  fi: { script: 'Latin', stem: finnish },
  fr: { script: 'Latin', stem: french },
  hu: { script: 'Latin', stem: hungarian },
  it: { script: 'Latin', stem: italian },
  nl: { script: 'Latin', stem: dutch },
  no: { script: 'Latin', stem: norwegian },
  pt: { script: 'Latin', stem: portuguese },
  ro: { script: 'Latin', stem: romanian },
  ru: { script: 'Cyrillic', stem: russian },
  sv: { script: 'Latin', stem: swedish },
  tr: { script: 'Latin', stem: turkish },
  uk: { script: 'Cyrillic', stem: ukrainian },
}

const scripts: Readonly<Record<Script, RegExp>> = {
  Latin: /\p{Script=Latin}/u,
  Cyrillic: /\p{Script=Cyrillic}/u,
  Greek: /\p{Script=Greek}/u,
  Arabic: /\p{Script=Arabic}/u,
}

/** The language whose stems a text is indexed with, by what it was found to be in; null if we have none for it. */
export const knownLanguage = (code: string): string | null => {
  const short = code.trim().toLowerCase().slice(0, 2)
  const known = short === 'nb' || short === 'nn' ? 'no' : short
  return Object.hasOwn(languages, known) ? known : null
}

/** Shorter words have no endings, and their stems are those of too many others. */
const SHORTEST = 4

/**
 * The stem of a word in lower case, as it is indexed: with the language, since what is a stem in one is another word in
 * the next. Null if the word is in another script, or too short.
 */
export const stemIn = (language: string, written: string): string | null => {
  const of = languages[language]
  if (!of || written.length < SHORTEST || !scripts[of.script].test(written)) return null
  const stem = fold(of.stem(written))
  return stem === '' ? null : `${language}:${stem}`
}

export const stems: Stems = {
  of: (written) =>
    Object.keys(languages).flatMap((language) => {
      const stem = stemIn(language, written)
      // A word without an ending may be what others are stemmed to, and lose more if it is stemmed itself.
      return stem === null ? [] : [...new Set([stem, `${language}:${fold(written)}`])]
    }),
  in: stemIn,
}
