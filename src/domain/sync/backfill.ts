import { NotFound, type Decider } from '../decider.ts'
import type { EventOf } from '../event.ts'
import { defineRefusal } from '../refusal.ts'
import {
  BackfillFinished,
  BackfillPaused,
  BackfillRequested,
  BackfillResumed,
  type backfillEvents,
} from './events.ts'

export type BackfillEvent = EventOf<(typeof backfillEvents)[number]>

// ---------------------------------------------------------------- state

/** `reached`: since when older mail is here, because of backfills that came to their end. */
export type Backfill =
  | { readonly status: 'none'; readonly reached: null }
  | {
      readonly status: 'running' | 'paused' | 'finished'
      readonly accountId: string
      readonly since: string
      readonly reached: string | null
    }

// ---------------------------------------------------------------- commands

export type BackfillCommand =
  | { readonly do: 'request'; readonly accountId: string; readonly since: string; readonly now: string }
  | { readonly do: 'pause' | 'resume' }
  | { readonly do: 'finish'; readonly since: string }

// ---------------------------------------------------------------- evolve

const evolve = (state: Backfill, event: BackfillEvent): Backfill => {
  if (event.type === 'BackfillRequested') {
    const { accountId, since } = event.data
    return { status: 'running', accountId, since, reached: state.reached }
  }
  if (state.status === 'none') return state
  switch (event.type) {
    case 'BackfillPaused':
      return { ...state, status: 'paused' }
    case 'BackfillResumed':
      return { ...state, status: 'running' }
    case 'BackfillFinished': {
      const reached = state.reached !== null && state.reached < state.since ? state.reached : state.since
      return { ...state, status: 'finished', reached }
    }
  }
}

// ---------------------------------------------------------------- decide

const decide = (command: BackfillCommand, state: Backfill): BackfillEvent[] => {
  if (command.do === 'request') {
    const { accountId, since, now } = command
    if (since >= now) throw backfillInFuture()
    if (state.status === 'running' && state.since === since) return []
    return [BackfillRequested({ accountId, since })]
  }
  if (state.status === 'none') throw new NotFound('backfill')
  const { accountId, since, status } = state
  switch (command.do) {
    case 'pause':
      if (status === 'finished') throw backfillOver()
      return status === 'paused' ? [] : [BackfillPaused({ accountId, since })]
    case 'resume':
      if (status === 'finished') throw backfillOver()
      return status === 'running' ? [] : [BackfillResumed({ accountId, since })]
    case 'finish':
      return status === 'finished' || command.since !== since ? [] : [BackfillFinished({ accountId, since })]
  }
}

const backfillInFuture = defineRefusal('backfill-in-future', {
  title: 'Backfill from a future date',
  meaning: 'Older mail can only be fetched from a date in the past.',
  remedy: 'Send a date in the past as `since`.',
})
const backfillOver = defineRefusal('backfill-over', {
  title: 'Backfill already finished',
  meaning: 'The backfill has come to its end, so it cannot be paused or resumed.',
  remedy: 'Request a new backfill to fetch mail from an earlier date.',
})

export const backfill: Decider<Backfill, BackfillCommand, BackfillEvent> = {
  initial: { status: 'none', reached: null },
  evolve,
  decide,
}

/** `backfill-<accountId>` */
export const backfillStream = (accountId: string): string => `backfill-${accountId}`
