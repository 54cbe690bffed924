import type { RecordedEvent } from '../event.ts'
import type { ConversationEvent } from './events.ts'

/** Since when somebody waits for us, or waited last, after the event; `status` and `since` are those before it. */
export const waitingSinceAfter = (
  event: RecordedEvent<ConversationEvent>,
  status: string,
  since: string,
): string => {
  const { occurredAt } = event.metadata
  if (event.type === 'ConversationMessageReceived' && event.data.status === 'open') {
    const { receivedAt } = event.data
    return status === 'open' || status === 'snoozed' ? earlier(since, receivedAt) : receivedAt
  }
  if (event.type === 'ConversationStatusChanged' && event.data.status === 'open')
    return status === 'snoozed' ? earlier(since, occurredAt) : occurredAt
  if (event.type === 'ConversationSnoozed') {
    // What nobody waits for is our turn when it is open again.
    const waits = status === 'open' || (status === 'snoozed' && Date.parse(since) <= Date.parse(occurredAt))
    return waits ? since : event.data.until
  }
  return since
}

const earlier = (one: string, other: string): string => (Date.parse(one) < Date.parse(other) ? one : other)
