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
