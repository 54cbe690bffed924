import { normaliseAddress } from '../mail.ts'

/**
 * Whether the pattern matches the whole text: `*` stands for any characters, `?` for one; case does not matter. Uses
 * two pointers and one step back to the last `*`, never a regular expression: a hostile pattern of 254 characters costs
 * at most its length times that of the text.
 */
export const matchesGlob = (pattern: string, text: string): boolean => {
  const glob = pattern.toLowerCase()
  const subject = text.toLowerCase()
  let at = 0
  let star = -1
  let resume = 0
  for (let index = 0; index < subject.length;) {
    const sign = glob[at]
    if (sign === '*') {
      star = at++
      resume = index
    } else if (sign === '?' || (sign !== undefined && sign === subject[index])) {
      at++
      index++
    } else if (star !== -1) {
      at = star + 1
      index = ++resume
    } else return false
  }
  while (glob[at] === '*') at++
  return at === glob.length
}

/** The longest realistic address in a header: 64 octets, an @ and a domain of 255 (RFC 5321 4.5.3.1). */
const LONGEST_SENDER = 320

/** The first of the patterns that excludes mail from this sender; null if none does. */
export const excludedBy = (patterns: readonly string[], sender: string): string | null => {
  const address = normaliseAddress(sender)
  if (address.length > LONGEST_SENDER) return null
  return patterns.find((pattern) => matchesGlob(pattern, address)) ?? null
}
