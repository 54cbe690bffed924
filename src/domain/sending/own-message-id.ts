import { outgoingId } from './events.ts'

/** Our id in a Message-ID (without angle brackets) that we composed; null for other people's. */
export const outgoingIdIn = (headerMessageId: string): string | null => {
  const [id = '', domain] = headerMessageId.split('@', 2)
  return domain !== undefined && outgoingId.safeParse(id).success ? id : null
}
