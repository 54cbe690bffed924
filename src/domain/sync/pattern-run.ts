import type { ExcludePattern } from '../accounts/events.ts'
import type { Decider } from '../decider.ts'
import {
  LeftOutMailFetched,
  PatternRunFinished,
  PatternRunProgressed,
  PatternRunRequested,
  type PatternRunCounts,
  type PatternRunEvent,
} from './pattern-run-events.ts'

// ---------------------------------------------------------------- state

/** A run under way: the patterns that it applies, and behind which message it goes on (null: before the first). */
export type PatternRun = PatternRunCounts & {
  readonly number: number
  readonly patterns: readonly ExcludePattern[]
  readonly after: string | null
}

/** `applied`: what the last run that came to its end has applied. `toFetch`: there is mail to be fetched again. */
export type PatternRuns = {
  readonly last: number
  readonly run: PatternRun | null
  readonly applied: {
    readonly number: number
    readonly patterns: readonly ExcludePattern[]
    readonly toFetch: boolean
  }
}

// ---------------------------------------------------------------- commands

export type PatternRunCommand = { readonly accountId: string } & (
  | { readonly do: 'request'; readonly patterns: readonly ExcludePattern[] }
  | ({ readonly do: 'progress'; readonly number: number; readonly after: string } & PatternRunCounts)
  | ({ readonly do: 'finish'; readonly number: number; readonly toFetch: number } & PatternRunCounts)
  | { readonly do: 'record-fetched'; readonly number: number }
)

// ---------------------------------------------------------------- evolve

const evolve = (state: PatternRuns, event: PatternRunEvent): PatternRuns => {
  const { number } = event.data
  switch (event.type) {
    case 'PatternRunRequested': {
      const run = { number, patterns: event.data.patterns, after: null, examined: 0, hidden: 0, shown: 0 }
      return { ...state, last: number, run }
    }
    case 'PatternRunProgressed': {
      const { after, examined, hidden, shown } = event.data
      return { ...state, run: state.run && { ...state.run, after, examined, hidden, shown } }
    }
    case 'PatternRunFinished': {
      const patterns = state.run?.patterns ?? []
      return { ...state, run: null, applied: { number, patterns, toFetch: event.data.toFetch > 0 } }
    }
    case 'LeftOutMailFetched':
      return { ...state, applied: { ...state.applied, toFetch: false } }
  }
}

// ---------------------------------------------------------------- decide

const decide = (command: PatternRunCommand, { last, run, applied }: PatternRuns): PatternRunEvent[] => {
  const { accountId } = command
  if (command.do === 'request')
    return [PatternRunRequested({ accountId, number: last + 1, patterns: [...command.patterns] })]
  const { number } = command
  if (command.do === 'record-fetched')
    return applied.number === number && applied.toFetch ? [LeftOutMailFetched({ accountId, number })] : []
  // One that was replaced, or that another process has taken further.
  if (run?.number !== number) return []
  const { examined, hidden, shown } = command
  const counts = { examined, hidden, shown }
  switch (command.do) {
    case 'progress': {
      const { after } = command
      if (run.after !== null && after <= run.after) return []
      return [PatternRunProgressed({ accountId, number, after, ...counts })]
    }
    case 'finish':
      return [PatternRunFinished({ accountId, number, ...counts, toFetch: command.toFetch })]
  }
}

export const patternRuns: Decider<PatternRuns, PatternRunCommand, PatternRunEvent> = {
  initial: { last: 0, run: null, applied: { number: 0, patterns: [], toFetch: false } },
  evolve,
  decide,
}

/** `patterns-<accountId>` */
export const patternsStream = (accountId: string): string => `patterns-${accountId}`
