import type { ShownText } from './body-text.ts'
import { saysCharset } from './charsets.ts'
import { first } from './header-fields.ts'
import type { MimePart } from './mime-parts.ts'
import { structured } from './parameters.ts'
import { decodeTransfer } from './transfer.ts'

/** The parts of a mail that are displayed, and those that are files, in order. */
export type Leaves = { readonly texts: ShownText[]; readonly files: MimePart[] }

const isMultipart = (part: MimePart): boolean => part.parts.length > 0
const isText = ({ type: { value } }: MimePart): boolean =>
  value === 'text/plain' || value === 'text/html' || value.startsWith('multipart/')

/**
 * A name makes a text part a file, whatever its disposition, unless it is the mail's body or one of its alternatives.
 */
const isShown = (part: MimePart, group: MimePart | null, root: MimePart): boolean => {
  if (!isText(part)) return false
  const disposition = structured(first(part.fields, 'content-disposition'))
  if (disposition.value === 'attachment') return false
  if (part === root || group !== null) return true
  const named = (params: ReadonlyMap<string, string>, name: string): boolean =>
    [...params.keys()].some((key) => key === name || key.startsWith(`${name}*`))
  return !named(disposition.params, 'filename') && !named(part.type.params, 'name')
}

const charsetOf = ({ type: { params } }: MimePart): string =>
  params.get('charset') ?? params.get('charset*') ?? ''

const shownText = (part: MimePart, group: MimePart | null): ShownText => ({
  group: group ?? part,
  html: part.type.value === 'text/html',
  bytes: decodeTransfer(part.body, first(part.fields, 'content-transfer-encoding')),
  charset: charsetOf(part),
  flowed: part.type.params.get('format')?.toLowerCase() === 'flowed',
  deleteSpaces: part.type.params.get('delsp')?.toLowerCase() === 'yes',
})

/** Decides for each part without parts of its own whether it is displayed or a file. */
export const sortParts = (root: MimePart): Leaves => {
  const texts: ShownText[] = []
  const files: MimePart[] = []
  const sort = (part: MimePart, group: MimePart | null): void => {
    const inner = part.type.value === 'multipart/alternative' ? part : group
    if (isMultipart(part)) for (const child of part.parts) sort(child, inner)
    else if (isShown(part, group, root)) texts.push(shownText(part, group))
    else files.push(part)
  }
  sort(root, null)
  return { texts, files }
}

/** The first meaningful charset among the mail's text parts; '' if there is none. */
export const textCharset = (part: MimePart): string => {
  if (!isMultipart(part)) return isText(part) && saysCharset(charsetOf(part)) ? charsetOf(part) : ''
  for (const child of part.parts) {
    const found = textCharset(child)
    if (found !== '') return found
  }
  return ''
}
