import type { EventOf } from '../event.ts'
import type { NewMessagesMatched, RelinkingFinished, RelinkingProgressed } from './events.ts'

/** How far new messages are matched, as a position of the log. */
export type NewProgress = { readonly upTo: string | null }

/** One reaching back: what it covers, and how far it has come. */
export type Run = Omit<EventOf<typeof RelinkingProgressed>['data'], 'after'> & {
  /** The position of the last message that was examined. */
  readonly after: string | null
}

/** Up to where all changes have reached older messages, by which version of the rules, and the run that is under way. */
export type BackProgress = {
  readonly upTo: string | null
  readonly matcher: number | null
  readonly run: Run | null
}

export const noNewProgress: NewProgress = { upTo: null }
export const noBackProgress: BackProgress = { upTo: null, matcher: null, run: null }

export const newProgressAfter = (
  _before: NewProgress,
  { data }: EventOf<typeof NewMessagesMatched>,
): NewProgress => ({ upTo: data.upTo })

export const backProgressAfter = (
  before: BackProgress,
  event: EventOf<typeof RelinkingProgressed | typeof RelinkingFinished>,
): BackProgress =>
  event.type === 'RelinkingProgressed'
    ? { ...before, run: event.data }
    : { upTo: event.data.upTo, matcher: event.data.matcher, run: null }
