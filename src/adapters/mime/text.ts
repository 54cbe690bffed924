/** What no text may contain: U+0000 and lone surrogates, which databases and other languages reject. */
export const storable = (text: string): string => text.replaceAll('\0', '').toWellFormed()

/** The first `limit` UTF-16 units, without splitting a character. */
export const cut = (text: string, limit: number): string =>
  text.slice(0, limit).replace(/[\ud800-\udbff]$/, '')

/** One line of text for people: no control characters, no runs of spaces. */
export const oneLine = (text: string, limit = 2000): string =>
  // Most texts are one already.
  PLAIN_LINE.test(text)
    ? cut(text, limit)
    : cut(
        storable(text)
          .replace(/[\p{Cc}\s]+/gu, ' ')
          .trim(),
        limit,
      )

const PLAIN_LINE = /^(?:[\x21-\x7e]+(?: [\x21-\x7e]+)*)?$/
