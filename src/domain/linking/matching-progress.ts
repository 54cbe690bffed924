import type { Decider } from '../decider.ts'
import type { EventOf } from '../event.ts'
import { NewMessagesMatched, RelinkingFinished, RelinkingProgressed } from './events.ts'
import {
  backProgressAfter,
  newProgressAfter,
  noBackProgress,
  noNewProgress,
  type BackProgress,
  type NewProgress,
  type Run,
} from './progress.ts'

// ---------------------------------------------------------------- new messages

export const newMessages: Decider<NewProgress, NewProgress, EventOf<typeof NewMessagesMatched>> = {
  initial: noNewProgress,
  evolve: newProgressAfter,
  decide: ({ upTo }, before) =>
    upTo === null || (before.upTo !== null && upTo <= before.upTo) ? [] : [NewMessagesMatched({ upTo })],
}

// ---------------------------------------------------------------- older messages

type RelinkingEvent = EventOf<typeof RelinkingProgressed | typeof RelinkingFinished>

export type RelinkingCommand = { readonly do: 'progress' | 'finish'; readonly run: Run }

const decide = (
  { do: what, run }: RelinkingCommand,
  { upTo, matcher, run: known }: BackProgress,
): RelinkingEvent[] => {
  if (upTo !== null && run.upTo <= upTo && run.matcher === matcher) return []
  const { after, ...counts } = run
  if (what === 'finish') return [RelinkingFinished(counts)]
  const isBehind = known?.upTo === run.upTo && known.after !== null && after !== null && after <= known.after
  return after === null || isBehind ? [] : [RelinkingProgressed({ ...counts, after })]
}

export const relinking: Decider<BackProgress, RelinkingCommand, RelinkingEvent> = {
  initial: noBackProgress,
  evolve: backProgressAfter,
  decide,
}

export const NEW_MESSAGES_STREAM = 'matching-main'
export const RELINKING_STREAM = 'relinking-main'
