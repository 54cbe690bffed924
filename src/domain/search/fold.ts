/** Letters that have no decomposition, as people write them who do not have them on their keyboard. */
const PLAIN: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ı: 'i',
  ς: 'σ',
  ё: 'е',
  ى: 'ي',
  ی: 'ي',
  ک: 'ك',
  ة: 'ه',
  '’': "'",
  '‐': '-',
  '‑': '-',
}
const WITHOUT_DECOMPOSITION = new RegExp(`[${Object.keys(PLAIN).join('')}]`, 'gu')
const MARKS = /([\p{Script=Latin}\p{Script=Greek}\p{Script=Arabic}\p{Script=Hebrew}])\p{Mn}+/gu
/** Arabic-Indic, Persian and Devanagari digits. */
const DIGITS = /[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f]/g
const TATWEEL = '\u0640'
const NOT_IN_WORDS = new RegExp(`[^\\p{L}\\p{N}\\p{M}.\\-_@+'&]|${TATWEEL}`, 'gu')
const ASCII = /^[\x21-\x7e]*$/

/**
 * A word in the form in which words are compared: without capital letters, accents and differences of width. Marks that
 * make another letter stay, as in й, が or Indic scripts. Empty if nothing is left.
 */
export const fold = (word: string): string => {
  if (ASCII.test(word)) return word.toLowerCase()
  return word
    .normalize('NFKD')
    .toLowerCase()
    .replace(MARKS, '$1')
    .normalize('NFC')
    .replace(WITHOUT_DECOMPOSITION, (letter) => PLAIN[letter] ?? letter)
    .replace(DIGITS, (digit) => String((digit.charCodeAt(0) - (digit < '\u0900' ? 0 : 6)) % 16))
    .replace(NOT_IN_WORDS, '')
}

/** A German umlaut as people write it who do not have it on their keyboard. */
export const umlautsSpelled = (word: string): string | null => {
  if (!/[äöü]/i.test(word.normalize('NFC'))) return null
  return fold(
    word
      .normalize('NFC')
      .toLowerCase()
      .replace(/[äöü]/g, (letter) => ({ ä: 'ae', ö: 'oe', ü: 'ue' })[letter] ?? letter),
  )
}
