import type { Decider } from '../decider.ts'
import { DigestMade, DigestSkipped, type DigestEvent, type DigestFigures } from './digest-events.ts'

// ---------------------------------------------------------------- state

/** The last day of the year of which a digest was made or skipped; '' before the first. */
export type DigestState = { readonly lastDate: string }

// ---------------------------------------------------------------- commands

export type MakeDigest = {
  readonly userId: string
  readonly date: string
  readonly timeZone: string
  readonly figures: DigestFigures
  readonly mailedAs: string
}

// ---------------------------------------------------------------- decide

const decide = (command: MakeDigest, { lastDate }: DigestState): DigestEvent[] => {
  if (command.date <= lastDate) return []
  if (hasNews(command.figures)) return [DigestMade(command)]
  const { userId, date, timeZone } = command
  return [DigestSkipped({ userId, date, timeZone })]
}

const hasNews = ({ received, assigned, waiting, unansweredSince }: DigestFigures): boolean =>
  received > 0 || assigned > 0 || waiting > 0 || unansweredSince !== null

export const digest: Decider<DigestState, MakeDigest, DigestEvent> = {
  initial: { lastDate: '' },
  evolve: (_state, event) => ({ lastDate: event.data.date }),
  decide,
}

/** `digest-<userId>.<2026>`: a stream for each year. */
export const digestStream = (userId: string, date: string): string => `digest-${userId}.${date.slice(0, 4)}`
