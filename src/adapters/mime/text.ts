/** What no text may have: U+0000 and lone surrogates, which databases and other languages refuse. */
export const storable = (text: string): string => text.replaceAll('\0', '').toWellFormed()

/** The first so many UTF-16 units, no character cut in half. */
export const cut = (text: string, limit: number): string =>
  text.slice(0, limit).replace(/[\ud800-\udbff]$/, '')

/** A line of text for people: no control characters, no runs of space. */
export const oneLine = (text: string, limit = 2000): string =>
  // Most are such a line already.
  PLAIN_LINE.test(text)
    ? cut(text, limit)
    : cut(
        storable(text)
          .replace(/[\p{Cc}\s]+/gu, ' ')
          .trim(),
        limit,
      )

const PLAIN_LINE = /^(?:[\x21-\x7e]+(?: [\x21-\x7e]+)*)?$/
