import type { Decider } from '../decider.ts'
import type { EventOf } from '../event.ts'
import type { MailTrouble } from '../mail-trouble.ts'
import { defineRefusal, type CodeDefinition } from '../refusal.ts'
import {
  ChangesSynced,
  holdsIncoming,
  SyncRunFinished,
  SyncRunStarted,
  SyncStalled,
  syncStalled,
  type BackfillCursors,
  type FolderCounts,
  type FolderLeft,
  type FolderTrouble,
  type Placement,
  type RunExclusion,
  type RunFailure,
  type SyncCursor,
  type SyncRunEvent,
  type WithheldMessage,
} from './events.ts'
import type { MailboxStorage } from './mailbox-storage.ts'
import { missingFoldersOf } from './wanted-folders.ts'

// ---------------------------------------------------------------- state

/**
 * `cursors` has the latest of each scope, including those carried over from the previous run. `failedIn`: folders with
 * messages that failed.
 */
type Begun = {
  readonly accountId: string
  readonly number: number
  readonly cursors: readonly SyncCursor[]
  readonly backfill: BackfillCursors | null
  readonly withheld: readonly WithheldMessage[]
  readonly failedIn: readonly string[]
  readonly uncounted: readonly string[]
}
export type SyncRun =
  | { readonly status: 'none' }
  | ({ readonly status: 'running' } & Begun)
  | ({ readonly status: 'finished'; readonly outcome: SyncOutcome } & Begun)

// ---------------------------------------------------------------- commands

export type SyncTrigger = EventOf<typeof SyncRunStarted>['data']['trigger']

export type SyncOutcome = EventOf<typeof SyncRunFinished>['data']['outcome']

/** Why a run ended early. `remedy` tells people what to do; trying again before `until` is pointless. */
export type RunTrouble = {
  readonly kind: MailTrouble
  readonly code: string
  readonly detail: string
  readonly remedy: string
  readonly until: string | null
}

export type SyncRunCommand =
  | {
      readonly do: 'start'
      readonly accountId: string
      readonly number: number
      readonly trigger: SyncTrigger
      readonly cursors: readonly SyncCursor[]
      readonly backfill: BackfillCursors | null
      readonly withheld: readonly WithheldMessage[]
      readonly uncounted: readonly string[]
    }
  | {
      readonly do: 'record'
      readonly cursor: SyncCursor | null
      readonly folders: readonly FolderCounts[]
      readonly failures: readonly RunFailure[]
      readonly exclusions: readonly RunExclusion[]
      readonly withheld: readonly WithheldMessage[]
      readonly left: readonly FolderLeft[]
      /** The beginning of the backfill that it is of. */
      readonly backfill: string | null
      /** Mail that patterns had left out which apply no longer. */
      readonly askedAgain: readonly Pick<Placement, 'folder' | 'ref'>[]
    }
  /** `read` are the folders that were looked at. */
  | {
      readonly do: 'finish'
      readonly read: readonly Pick<Placement, 'folder' | 'role'>[]
      readonly unchanged: readonly string[]
      readonly troubles: readonly FolderTrouble[]
      readonly missingFolders: readonly string[]
      /** Null where the mailbox does not say. */
      readonly storage: MailboxStorage | null
    }
  | { readonly do: 'stop'; readonly why: CodeDefinition }
  /** It has made no progress since. */
  | { readonly do: 'stall'; readonly since: string }
  | { readonly do: 'fail'; readonly trouble: RunTrouble; readonly missingFolders: readonly string[] }
  | { readonly do: 'abandon' }

// ---------------------------------------------------------------- evolve

const evolve = (state: SyncRun, event: SyncRunEvent): SyncRun => {
  switch (event.type) {
    case 'SyncRunStarted': {
      const { accountId, number, cursors, backfill = null, withheld, uncounted } = event.data
      return { status: 'running', accountId, number, cursors, backfill, withheld, uncounted, failedIn: [] }
    }
    case 'ChangesSynced': {
      if (state.status === 'none') return state
      const { cursor, folders, withheld, backfill: since } = event.data
      const at =
        since === undefined
          ? { cursors: withCursor(state.cursors, cursor) }
          : { backfill: { since, cursors: withCursor(state.backfill?.cursors ?? [], cursor) } }
      const failed = folders.filter((counts) => counts.failed > 0).map(({ folder }) => folder)
      return { ...state, ...at, withheld, failedIn: [...new Set([...state.failedIn, ...failed])] }
    }
    case 'SyncStalled':
      return state
    case 'SyncRunFinished': {
      const { outcome } = event.data
      return state.status === 'none' ? state : { ...state, status: 'finished', outcome }
    }
  }
}

const withCursor = (cursors: readonly SyncCursor[], cursor: SyncCursor | null): SyncCursor[] =>
  cursor ? [...cursors.filter(({ scope }) => scope !== cursor.scope), cursor] : [...cursors]

// ---------------------------------------------------------------- decide

const unknownSyncRun = defineRefusal('unknown-sync-run', {
  title: 'Unknown sync run',
  meaning: 'There is no sync run with this number.',
  remedy: 'Check the number of the run.',
})

const decide = (command: SyncRunCommand, state: SyncRun): SyncRunEvent[] => {
  if (command.do === 'start') {
    if (state.status !== 'none') throw taken()
    const { accountId, number, trigger, cursors, backfill, withheld, uncounted } = command
    return [
      SyncRunStarted({
        accountId,
        number,
        trigger,
        cursors: [...cursors],
        ...(backfill && { backfill }),
        withheld: [...withheld],
        uncounted: [...uncounted],
      }),
    ]
  }
  if (state.status === 'none') throw unknownSyncRun()
  const { accountId, number } = state
  if (command.do === 'record') {
    // A worker that was thought dead and replaced must not be counted twice.
    if (state.status === 'finished') throw taken()
    requireSum(command)
    const { cursor, folders, failures, exclusions, withheld, left, backfill, askedAgain } = command
    return [
      ChangesSynced({
        accountId,
        number,
        cursor,
        folders: [...folders],
        failures: [...failures],
        exclusions: [...exclusions],
        withheld: [...withheld],
        ...(left.length > 0 && { left: [...left] }),
        ...(backfill !== null && { backfill }),
        ...(askedAgain.length > 0 && { askedAgain: askedAgain.map(({ folder, ref }) => ({ folder, ref })) }),
      }),
    ]
  }
  if (state.status === 'finished') return []
  const silent = { kind: null, code: null, detail: null, remedy: null }
  switch (command.do) {
    case 'finish': {
      const { read, unchanged, troubles, missingFolders, storage } = command
      const missed = [...state.failedIn, ...troubles.map(({ folder }) => folder)]
      const outcome = missed.length + missingFolders.length > 0 ? 'partial' : 'success'
      const said = missingFolders.length > 0 ? { kind: null, ...missingFoldersOf(missingFolders) } : silent
      const looked = {
        inboxRead: read.some((of) => holdsIncoming(of) && !missed.includes(of.folder)),
        unchanged: [...unchanged],
        troubles: [...troubles],
        missingFolders: [...missingFolders],
        ...(storage !== null && { storage }),
      }
      return [SyncRunFinished({ accountId, number, outcome, ...said, ...looked })]
    }
    case 'stop': {
      const { code, meaning, remedy } = command.why
      const told = { kind: null, code, detail: meaning, remedy }
      return [SyncRunFinished({ accountId, number, outcome: 'stopped', ...told })]
    }
    case 'stall': {
      const { code, meaning: detail, remedy } = syncStalled
      const told = { kind: 'temporary', code, detail, remedy } as const
      return [
        SyncStalled({ accountId, number, since: command.since }),
        SyncRunFinished({ accountId, number, outcome: 'failed', ...told }),
      ]
    }
    case 'fail':
      return [
        SyncRunFinished({
          accountId,
          number,
          outcome: 'failed',
          ...command.trouble,
          missingFolders: [...command.missingFolders],
        }),
      ]
    case 'abandon':
      return [SyncRunFinished({ accountId, number, outcome: 'abandoned', ...silent })]
  }
}

const taken = defineRefusal('sync-run-taken', {
  title: 'Sync run taken over',
  meaning: 'Another worker has taken over this sync run, or has already finished it.',
  remedy: 'Do nothing: the next run continues where this one stopped.',
})

const countsDiffer = defineRefusal('sync-counts-differ', {
  title: 'Sync counts do not add up',
  meaning:
    'The number of messages listed in a folder is not the sum of those stored, already known, excluded and failed. This is a fault in Mailtrail.',
  remedy: 'Do nothing: the run is repeated automatically.',
})

/** In each folder, every listed message is stored, known, excluded or failed; excluded and failed ones are named. */
const requireSum = ({ folders, failures, exclusions }: SyncRunCommand & { do: 'record' }): void => {
  const of = (named: readonly { readonly folder: string }[], path: string) =>
    named.filter(({ folder }) => folder === path).length
  const wrong = folders.find(
    ({ folder, listed, stored, known, excluded, failed, sent, received, drafts }) =>
      listed !== stored + known + excluded + failed ||
      sent + received + drafts !== stored ||
      of(failures, folder) !== failed ||
      of(exclusions, folder) !== excluded,
  )
  const paths = new Set(folders.map(({ folder }) => folder))
  const isOnce = paths.size === folders.length
  if (!wrong && isOnce && [...failures, ...exclusions].every(({ folder }) => paths.has(folder))) return
  throw countsDiffer({
    details: wrong
      ? { ...wrong, failures: of(failures, wrong.folder), exclusions: of(exclusions, wrong.folder) }
      : null,
  })
}

export const syncRun: Decider<SyncRun, SyncRunCommand, SyncRunEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}

/** `syncrun-<accountId>.<number>` */
export const syncRunStream = (accountId: string, number: number): string => `syncrun-${accountId}.${number}`
