import type { ImapFlow } from 'imapflow'

/**
 * How many messages one command may concern (RFC 9738); null if the server names no limit. Beyond it a server may answer
 * OK and leave out the rest, which would look as if nothing else were there.
 */
export const messageLimit = ({ capabilities }: Pick<ImapFlow, 'capabilities'>): number | null => {
  for (const name of capabilities.keys()) {
    const limit = Number(/^MESSAGELIMIT=(\d{1,10})$/i.exec(name)?.[1] ?? 0)
    if (limit > 0) return limit
  }
  return null
}

/**
 * Stretches of at most `limit` of a folder's message numbers, the newest first: where a message is removed meanwhile,
 * those above it move down, and none is passed over.
 */
export const windows = (messages: number, limit: number): string[] =>
  Array.from({ length: Math.ceil(messages / limit) }, (_, index) => {
    const to = messages - index * limit
    return `${Math.max(1, to - limit + 1)}:${to}`
  })
