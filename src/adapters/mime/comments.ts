/**
 * A structured field without its comments (RFC 5322 3.2.2), which may nest; each is replaced by a space. Quoted strings
 * and angle brackets contain no comments.
 */
export const withoutComments = (value: string, comments: string[] = []): string => {
  if (!value.includes('(')) return value
  let text = ''
  let comment = ''
  let depth = 0
  let within = ''
  for (let at = 0; at < value.length; at++) {
    const character = value[at]!
    if (character === '\\' && (depth > 0 || within === '"')) {
      if (depth > 0) comment += value[at + 1] ?? ''
      else text += value.slice(at, at + 2)
      at++
    } else if (depth > 0) {
      depth += character === '(' ? 1 : character === ')' ? -1 : 0
      if (depth > 0) comment += character
      else comments.push(comment)
    } else if (within === '' && character === '(') {
      depth = 1
      comment = ''
      text += ' '
    } else {
      if (within === '"' ? character === '"' : within === '<' && character === '>') within = ''
      else if (within === '' && (character === '"' || character === '<')) within = character
      text += character
    }
  }
  return depth > 0 ? `${text}${comment}` : text
}
