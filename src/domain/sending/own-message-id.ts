import { outgoingId } from './events.ts'

/** The id of ours in a Message-ID (without angle brackets), as composing makes it; null in those of others. */
export const outgoingIdIn = (headerMessageId: string): string | null => {
  const [id = '', domain] = headerMessageId.split('@', 2)
  return domain !== undefined && outgoingId.safeParse(id).success ? id : null
}
