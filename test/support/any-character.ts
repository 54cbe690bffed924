import fc from 'fast-check'

const FIRST_SURROGATE = 0xd800
const SURROGATES = 0x800

/** The way back lets fast-check mix in the names that it knows to be dangerous. */
const placeOf = (character: unknown): number => {
  const code =
    typeof character === 'string' && character.isWellFormed() ? character.codePointAt(0) : undefined
  if (code === undefined || String.fromCodePoint(code) !== character)
    throw new TypeError('No single character')
  return code < FIRST_SURROGATE ? code : code - SURROGATES
}

/**
 * Any code point but surrogates, as fast-check's unit `binary`, which first lays a table of all million of them: over a
 * second of processor time in every test file that asks for it.
 */
export const anyCharacter: fc.Arbitrary<string> = fc
  .nat({ max: 0x10ffff - SURROGATES })
  .map((n) => String.fromCodePoint(n < FIRST_SURROGATE ? n : n + SURROGATES), placeOf)
