import type { Decider } from '../decider.ts'
import { defineRefusal } from '../refusal.ts'
import {
  FolderSynced,
  SyncRunFinished,
  SyncRunStarted,
  type FolderCounts,
  type FolderCursor,
  type RunExclusion,
  type RunFailure,
  type SyncRunEvent,
} from './events.ts'

// ---------------------------------------------------------------- state

/** `cursors` are the newest of each folder, those carried over from the run before included. */
type Begun = {
  readonly accountId: string
  readonly number: number
  readonly cursors: readonly FolderCursor[]
  readonly failed: number
}
export type SyncRun =
  | { readonly status: 'none' }
  | ({ readonly status: 'running' } & Begun)
  | ({ readonly status: 'finished' } & Begun)

// ---------------------------------------------------------------- commands

export type SyncTrigger = 'schedule' | 'request' | 'connect'

/** Why a run ended before its time. `remedy` tells the person what to do. */
export type RunTrouble = {
  readonly kind: 'authentication' | 'temporary' | 'refused'
  readonly code: string
  readonly detail: string
  readonly remedy: string
}

export type SyncRunCommand =
  | {
      readonly do: 'start'
      readonly accountId: string
      readonly number: number
      readonly trigger: SyncTrigger
      readonly cursors: readonly FolderCursor[]
    }
  | {
      readonly do: 'record'
      readonly cursor: FolderCursor
      readonly counts: FolderCounts
      readonly failures: readonly RunFailure[]
      readonly exclusions: readonly RunExclusion[]
    }
  | { readonly do: 'finish'; readonly unchanged: readonly string[] }
  | { readonly do: 'fail'; readonly trouble: RunTrouble }
  | { readonly do: 'abandon' }

// ---------------------------------------------------------------- evolve

const evolve = (state: SyncRun, event: SyncRunEvent): SyncRun => {
  switch (event.type) {
    case 'SyncRunStarted': {
      const { accountId, number, cursors } = event.data
      return { status: 'running', accountId, number, cursors, failed: 0 }
    }
    case 'FolderSynced': {
      if (state.status === 'none') return state
      const { cursor, counts } = event.data
      const others = state.cursors.filter(({ folder }) => folder !== cursor.folder)
      return { ...state, cursors: [...others, cursor], failed: state.failed + counts.failed }
    }
    case 'SyncRunFinished':
      return state.status === 'none' ? state : { ...state, status: 'finished' }
  }
}

// ---------------------------------------------------------------- decide

const unknownSyncRun = defineRefusal('unknown-sync-run', {
  title: 'Unknown sync run',
  meaning: 'There is no sync run with this number.',
  remedy: 'Check the number of the run.',
})

const decide = (command: SyncRunCommand, state: SyncRun): SyncRunEvent[] => {
  if (command.do === 'start') {
    if (state.status !== 'none') throw taken()
    const { accountId, number, trigger, cursors } = command
    return [SyncRunStarted({ accountId, number, trigger, cursors: [...cursors] })]
  }
  if (state.status === 'none') throw unknownSyncRun()
  const { accountId, number } = state
  if (command.do === 'record') {
    // What a worker says after it was thought dead and another went on must not count twice.
    if (state.status === 'finished') throw taken()
    requireSum(command)
    requireForward(command.cursor, state.cursors)
    const { cursor, counts, failures, exclusions } = command
    return [
      FolderSynced({
        accountId,
        number,
        cursor,
        counts,
        failures: [...failures],
        exclusions: [...exclusions],
      }),
    ]
  }
  if (state.status === 'finished') return []
  const silent = { kind: null, code: null, detail: null, remedy: null }
  switch (command.do) {
    case 'finish': {
      const outcome = state.failed > 0 ? 'partial' : 'success'
      const unchanged = [...command.unchanged]
      return [SyncRunFinished({ accountId, number, outcome, ...silent, unchanged })]
    }
    case 'fail':
      return [SyncRunFinished({ accountId, number, outcome: 'failed', ...command.trouble })]
    case 'abandon':
      return [SyncRunFinished({ accountId, number, outcome: 'abandoned', ...silent })]
  }
}

const taken = defineRefusal('sync-run-taken', {
  title: 'Sync run taken over',
  meaning: 'Another worker is doing this sync run, or has already finished it.',
  remedy: 'Do nothing: the next run continues where this one stopped.',
})

const countsDiffer = defineRefusal('sync-counts-differ', {
  title: 'Sync counts do not add up',
  meaning:
    'The messages listed in a folder are not the sum of those stored, already known, excluded and failed. This is a fault in Mailtrail.',
  remedy: 'Do nothing: the run is repeated automatically.',
})

/** A message that was listed is stored, known, excluded or failed, and each of the last two is named. */
const requireSum = ({ cursor, counts, failures, exclusions }: SyncRunCommand & { do: 'record' }): void => {
  const { listed, stored, known, excluded, failed } = counts
  const adds = listed === stored + known + excluded + failed
  const named = failures.length === failed && exclusions.length === excluded
  const directed = counts.sent + counts.received === stored
  if (adds && named && directed && counts.folder === cursor.folder) return
  throw countsDiffer({
    details: { ...counts, failures: failures.length, exclusions: exclusions.length },
  })
}

const cursorGoesBack = defineRefusal('sync-cursor-goes-back', {
  title: 'Sync went backwards',
  meaning:
    'A sync run reported an earlier place in a folder than the run before it. This is a fault in Mailtrail.',
  remedy: 'Do nothing: the run is repeated automatically.',
})

/** Under one UIDVALIDITY a folder's numbers only grow, so that a cursor that goes back would read mail twice. */
const requireForward = (cursor: FolderCursor, before: readonly FolderCursor[]): void => {
  const last = before.find(({ folder }) => folder === cursor.folder)
  if (!last || last.uidValidity !== cursor.uidValidity || cursor.uidNext >= last.uidNext) return
  throw cursorGoesBack({
    details: { folder: cursor.folder, from: last.uidNext, to: cursor.uidNext },
  })
}

export const syncRun: Decider<SyncRun, SyncRunCommand, SyncRunEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}

/** `syncrun-<accountId>.<number>` */
export const syncRunStream = (accountId: string, number: number): string => `syncrun-${accountId}.${number}`
