import {
  type AccountConnected,
  AccountConnectionChanged,
  AccountConnectionTested,
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountSettingsChanged,
  SyncRequested,
  type AccountSettings,
} from '../accounts/events.ts'
import type { EventOf, RecordedEvent } from '../event.ts'
import { LeftOutMailFetched, PatternRunFinished } from './pattern-run-events.ts'
import { backfillEvents, SyncRunFinished, SyncRunStarted, syncStalled } from './events.ts'

type What = Pick<
  AccountSettings,
  | 'syncFrequencyMinutes'
  | 'syncDirection'
  | 'folders'
  | 'folderRoles'
  | 'historyDays'
  | 'excludePatterns'
  | 'keep'
>

/** What decides when the mailbox of an account is read next, as recorded in events. */
export type SyncSchedule = {
  readonly active: boolean
  readonly receives: boolean
  readonly settings: What
  /** Why it is due early: a person asked, a connection test passed, it was never read, or a run stalled. */
  readonly asked: 'connect' | 'request' | 'test' | 'stall' | null
  readonly lastFinishedAt: string | null
  /** Runs in a row that failed. */
  readonly failures: number
  /** The last run failed on something that only a person can fix. */
  readonly needsPerson: boolean
  /** The provider asked us not to come back before this. */
  readonly until: string | null
  /** Older mail was asked for and is not all here yet. */
  readonly backfilling: boolean
  /** What patterns had left out is to be fetched again. */
  readonly fetchingLeftOut: boolean
  /** The last run could not read every folder. */
  readonly hadTroubles: boolean
  /** When the mailbox is to be read next, in the past while that goes on; null if it is not to be read. */
  readonly dueAt: string | null
}

export const scheduleEvents = [
  AccountConnectionChanged,
  AccountConnectionTested,
  AccountSettingsChanged,
  SyncRequested,
  AccountPaused,
  AccountResumed,
  AccountDisconnected,
  SyncRunStarted,
  SyncRunFinished,
  ...backfillEvents,
  PatternRunFinished,
  LeftOutMailFetched,
] as const
export type ScheduleEvent = RecordedEvent<EventOf<(typeof scheduleEvents)[number]>>

export const freshSchedule = ({
  data: { receives, settings },
  recordedAt,
}: RecordedEvent<EventOf<typeof AccountConnected>>): SyncSchedule =>
  withDue(recordedAt, {
    active: true,
    receives,
    settings: whatOf(settings),
    asked: 'connect',
    lastFinishedAt: null,
    failures: 0,
    needsPerson: false,
    until: null,
    backfilling: false,
    fetchingLeftOut: false,
    hadTroubles: false,
  })

const whatOf = (settings: AccountSettings): What => {
  const { syncFrequencyMinutes, syncDirection, folders, folderRoles, historyDays, excludePatterns, keep } =
    settings
  return { syncFrequencyMinutes, syncDirection, folders, folderRoles, historyDays, excludePatterns, keep }
}

/** Whatever was wrong no longer is. */
const mended = { failures: 0, needsPerson: false, until: null }

export const scheduleAfter = (before: SyncSchedule, event: ScheduleEvent): SyncSchedule => {
  // This run may already be past anything requested from here on. If it dies, the account is still due.
  if (event.type === 'SyncRunStarted') return { ...before, asked: null }
  if (event.type === 'SyncRunFinished' && event.data.outcome === 'abandoned') return before
  return withDue(event.recordedAt, changedBy(before, event))
}

type Undated = Omit<SyncSchedule, 'dueAt'>
type Changing = Exclude<ScheduleEvent, { readonly type: 'SyncRunStarted' }>

const changedBy = (before: SyncSchedule, event: Changing): Undated => {
  switch (event.type) {
    case 'AccountConnectionChanged':
      return { ...before, ...mended, receives: event.data.receives, asked: 'request' }
    case 'AccountConnectionTested':
      return event.data.ok ? { ...before, ...mended, asked: before.asked ?? 'test' } : before
    case 'AccountSettingsChanged': {
      const settings = whatOf(event.data.settings)
      const asked = reads(before.settings) === reads(settings) ? before.asked : (before.asked ?? 'request')
      return { ...before, settings, asked }
    }
    case 'SyncRequested':
      return { ...before, asked: 'request' }
    case 'AccountPaused':
    case 'AccountDisconnected':
      return { ...before, active: false }
    case 'AccountResumed':
      return { ...before, active: true, asked: before.asked ?? 'request' }
    case 'SyncRunFinished':
      return afterRun(before, event)
    case 'BackfillRequested':
    case 'BackfillResumed':
      return { ...before, backfilling: true, hadTroubles: false }
    case 'BackfillPaused':
    case 'BackfillFinished':
      return { ...before, backfilling: false }
    case 'PatternRunFinished':
      return { ...before, fetchingLeftOut: event.data.toFetch > 0, hadTroubles: false }
    case 'LeftOutMailFetched':
      return { ...before, fetchingLeftOut: false }
  }
}

/** What decides which mail is read: changing it warrants a run right away. */
const reads = ({ syncDirection, folders, folderRoles, historyDays, excludePatterns, keep }: What): string =>
  JSON.stringify([syncDirection, folders.toSorted(), folderRoles, historyDays, excludePatterns, keep])

const afterRun = (
  before: SyncSchedule,
  { data, recordedAt }: RecordedEvent<EventOf<typeof SyncRunFinished>>,
): Undated => {
  const { outcome, kind, until = null, troubles = [] } = data
  const lastFinishedAt = recordedAt
  if (outcome === 'stopped') return { ...before, lastFinishedAt }
  const failures = outcome === 'failed' ? before.failures + 1 : 0
  const needsPerson = kind === 'sign-in-again' || kind === 'scope-missing'
  // Once: if the next run stalls too, it is left alone as after any failure.
  const asked = data.code === syncStalled.code && failures === 1 ? (before.asked ?? 'stall') : before.asked
  const hadTroubles = troubles.length > 0
  return { ...before, lastFinishedAt, failures, needsPerson, until, asked, hadTroubles }
}

const HOUR = 60
const DAY = 24 * HOUR

/**
 * With the time of the next run, as of `now`. Due right away are accounts with a request, new ones, and those whose
 * connection was tested and works, once after a run that stalled, and as long as older mail is being fetched; the others at their frequency after the last run. After failures the pause doubles,
 * starting at an hour if only a person can help.
 */
const withDue = (now: string, schedule: Undated): SyncSchedule => ({
  ...schedule,
  dueAt: dueAt(schedule, now),
})

const dueAt = (schedule: Undated, now: string): string | null => {
  const { active, receives, settings, asked, lastFinishedAt, failures, needsPerson, until } = schedule
  if (!active || !receives || settings.syncDirection === 'send') return null
  // A person who asks gets an answer, even if it only says what is wrong; but a provider that wants us to wait is obeyed.
  if (asked !== null || lastFinishedAt === null) return later(now, until)
  const isFetching = schedule.backfilling || schedule.fetchingLeftOut
  if (isFetching && failures === 0 && !schedule.hadTroubles) return later(now, until)
  const { syncFrequencyMinutes: frequency } = settings
  const doubled = (needsPerson ? HOUR : frequency) * 2 ** Math.max(failures - 1, 0)
  const minutes = Math.max(frequency, Math.min(doubled, needsPerson ? DAY : HOUR))
  const due = new Date(Date.parse(lastFinishedAt) + minutes * 60_000).toISOString()
  return later(due, until)
}

const later = (due: string, until: string | null): string => (until !== null && until > due ? until : due)
