import type { Draft } from './events.ts'

type Attached = Draft['attachments'][number]

/**
 * The files of an email, a Content-ID only with those that its HTML shows (RFC 2392): one that it does not show would
 * be seen by nobody, and is an attachment like the others.
 */
export const withShownIds = (html: string, attachments: readonly Attached[]): Attached[] => {
  const shown = new Set(Array.from(html.matchAll(/\bcid:([\w.%@-]+)/gi), ([, id]) => id))
  return attachments.map(({ contentId, ...file }) =>
    contentId !== undefined && shown.has(contentId) ? { ...file, contentId } : file,
  )
}
