/** Whether the HTML of an email shows the file with this Content-ID (RFC 2392). One that it does not is an attachment. */
export const isShownIn = (html: string, contentId: string): boolean =>
  [...html.matchAll(/\bcid:([\w.%@-]+)/gi)].some(([, shown]) => shown === contentId)
