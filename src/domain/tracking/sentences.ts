import type { EventOf, Sentences } from '../event.ts'
import { quoted } from '../words.ts'
import type { OpenTracked, TrackingEvent } from './events.ts'

type Hit = Pick<EventOf<typeof OpenTracked>['data'], 'recipient' | 'repeats' | 'own' | 'ip'>

/** Whether a person made the request is not said: that is judged later. */
const circumstances = ({ recipient, repeats, own, ip }: Hit): string => {
  const told = [
    recipient === null
      ? 'from a copy that several recipients share'
      : `from the copy of recipient ${recipient + 1}`,
    ...(ip === null ? [] : [`at ${ip}`]),
    ...(own ? ['by one of our own people'] : []),
    ...(repeats === 0 ? [] : [`and ${repeats} more within 30 seconds`]),
  ]
  return told.join(', ')
}

export const trackingSentences: Sentences<TrackingEvent> = {
  OpenTracked: (hit) => `The pixel of the email was requested ${circumstances(hit)}`,
  ClickTracked: (hit) => `The link to ${quoted(hit.url)} was followed ${circumstances(hit)}`,
  EmailReplied: ({ from, messageId }) => `The email was answered by ${from || 'somebody'} (${messageId})`,
}
