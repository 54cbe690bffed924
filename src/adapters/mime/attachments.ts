import { createHash } from 'node:crypto'
import type { ParsedAttachment } from '../../commands/ports/parser.ts'
import { first, rawText } from './header-fields.ts'
import { idIn } from './message-ids.ts'
import type { MimePart } from './mime-parts.ts'
import { parameter, structured } from './parameters.ts'
import { oneLine } from './text.ts'
import { isTnef, tnefFiles } from './tnef.ts'
import { decodeTransfer } from './transfer.ts'

const MAX_NAME = 255

/** What an HTML body refers to among the files of its mail (RFC 2392, RFC 2557). */
const shownBy = (html: string | null) => {
  const ids = new Set<string>()
  for (const [, id = ''] of (html ?? '').matchAll(/\bcid:([^\s"'<>)]{1,998})/gi)) ids.add(plainId(id))
  return {
    id: (contentId: string): boolean => ids.has(plainId(contentId)),
    location: (location: string): boolean =>
      html !== null &&
      [`"${location}"`, `'${location}'`, `(${location})`].some((quoted) => html.includes(quoted)),
  }
}

/**
 * The form in which an id in a URL and one in a header can be compared: escapes and entities decoded, in lower case.
 */
const plainId = (id: string): string => {
  const text = id.replaceAll('&amp;', '&').toLowerCase()
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** A copy of the bytes that can be passed to another thread without the rest of the mail. */
const own = (content: Buffer): Uint8Array =>
  content.byteLength === content.buffer.byteLength ? content : new Uint8Array(content)

type File = Omit<ParsedAttachment, 'size' | 'blob'>

const measured = (file: File): ParsedAttachment => ({
  ...file,
  size: file.content.byteLength,
  blob: createHash('sha256').update(file.content).digest('hex'),
})

/**
 * The files of a mail with their bytes as sent. A file is inline if the displayed HTML refers to it, whatever its
 * disposition says. A winmail.dat is followed by the files in it.
 */
export const attachmentsOf = (
  parts: readonly MimePart[],
  html: string | null,
  around: string,
): ParsedAttachment[] => {
  const shown = shownBy(html)
  return parts.flatMap((part) => {
    const field = (name: string): string => rawText(first(part.fields, name), around)
    const content = decodeTransfer(part.body, field('content-transfer-encoding'))
    const name =
      parameter(structured(field('content-disposition')), 'filename', around) ||
      parameter(structured(field('content-type')), 'name', around)
    const contentId = idIn(field('content-id'))
    const location = field('content-location')
    const file = {
      name: oneLine(name, MAX_NAME) || null,
      contentType: oneLine(part.type.value, MAX_NAME),
      contentId: contentId || null,
      inline: (contentId !== '' && shown.id(contentId)) || (location !== '' && shown.location(location)),
      content: own(content),
    }
    return [file, ...(isTnef(content) ? enclosedFiles(content, shown.id) : [])].map(measured)
  })
}

const enclosedFiles = (content: Buffer, isShown: (contentId: string) => boolean): File[] =>
  tnefFiles(content).map((file) => ({
    name: oneLine(file.name, MAX_NAME) || null,
    contentType: oneLine(file.contentType, MAX_NAME),
    contentId: oneLine(file.contentId, MAX_NAME) || null,
    inline: file.contentId !== '' && isShown(file.contentId),
    content: own(file.content),
  }))
