import type { Draft } from './events.ts'

type Attached = Draft['attachments'][number]

/**
 * The files of an email. Only files that its HTML shows keep a Content-ID (RFC 2392); the rest are ordinary
 * attachments, since nobody would see them otherwise.
 */
export const withShownIds = (html: string, attachments: readonly Attached[]): Attached[] => {
  const shown = new Set(Array.from(html.matchAll(/\bcid:([\w.%@-]+)/gi), ([, id]) => id))
  return attachments.map(({ contentId, ...file }) =>
    contentId !== undefined && shown.has(contentId) ? { ...file, contentId } : file,
  )
}
