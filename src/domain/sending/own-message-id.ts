import { normaliseMessageId } from '../mail.ts'
import { outgoingId } from './events.ts'

const MOST_NAMED = 50

/** The emails of ours that a mail answers, or reports about: the surest first. Who names one has received it. */
export const emailsNamedBy = ({
  delivery,
  header: { inReplyTo, references },
}: {
  readonly delivery: {
    readonly originalMessageId: string | null
    readonly originalTrailId: string | null
  } | null
  readonly header: { readonly inReplyTo: readonly string[]; readonly references: readonly string[] }
}): string[] => {
  const { originalTrailId = null, originalMessageId = null } = delivery ?? {}
  const named = [originalMessageId ?? '', ...inReplyTo, ...references.toReversed()].map(normaliseMessageId)
  const ids = [`${originalTrailId}@`, ...named].flatMap((id) => outgoingIdIn(id) ?? [])
  return [...new Set(ids)].slice(0, MOST_NAMED)
}

/** Our id in a Message-ID (without angle brackets) that we composed; null for other people's. */
export const outgoingIdIn = (headerMessageId: string): string | null => {
  const [id = '', domain] = headerMessageId.split('@', 2)
  return domain !== undefined && outgoingId.safeParse(id).success ? id : null
}
