import type { FolderTrouble, Placement } from '../../domain/sync/events.ts'
import type { MailboxStorage } from '../../domain/sync/mailbox-storage.ts'
import type { RunTrouble, SyncRunCommand } from '../../domain/sync/sync-run.ts'
import type {
  ChangeSet,
  ChangesQuery,
  MailChange,
  MailFolder,
  MailUnavailable,
} from '../ports/mail-provider.ts'
import { follow, knownAt, surelyKnownAt } from './follow-changes.ts'
import type { SyncDeps } from './ports.ts'
import { placeKey, troubleOf, type OpenRun, type Track } from './run.ts'
import { becameOfKnown, storeMessages, type Outcome } from './store-messages.ts'
import { tallyOf, type Tally } from './tally.ts'
import { dueWithheld, withheldAfter } from './withheld.ts'

const ASKED_AT_ONCE = 200

type Changes = Extract<ChangeSet, { kind: 'changes' }>

/**
 * What was found while reading. `read` folders were looked at, `unchanged` ones of them had nothing to record;
 * `troubles` could not be read, `missingFolders` do not exist. `storage` is null where the mailbox does not say.
 */
export type Reading = {
  readonly read: Map<string, MailFolder>
  readonly unchanged: Set<string>
  readonly troubles: Map<string, MailUnavailable>
  readonly missingFolders: string[]
  storage: MailboxStorage | null
}

export const newReading = (): Reading => ({
  read: new Map(),
  unchanged: new Set(),
  troubles: new Map(),
  missingFolders: [],
  storage: null,
})

/**
 * Requests withheld messages again, then reads what has changed, set by set: a cursor is never recorded before its
 * changes are stored. A folder that cannot be read does not hold up the others; but if the whole mailbox cannot be
 * read, or none of its folders, the run fails.
 * @returns why it fails; null if it does not
 */
export const readMailbox =
  (deps: SyncDeps) =>
  async (run: OpenRun, reading: Reading): Promise<RunTrouble | null> => {
    await askForWithheld(deps, run)
    await readChanges(deps, run, run.mailbox, reading)
    const { read, troubles } = reading
    const whole = read.size > 0 ? [...troubles].find(([, of]) => isOfMailbox(of)) : [...troubles][0]
    return whole ? namedBy(whole) : null
  }

/**
 * Reads what has changed, set by set. `mayGoOn` is asked each time a cursor was recorded, from which the next run goes on.
 * @returns whether all was read
 */
export const readChanges = async (
  deps: SyncDeps,
  run: OpenRun,
  track: Track,
  reading: Reading,
  mayGoOn: () => Promise<boolean> = async () => true,
): Promise<boolean> => {
  const { read, unchanged, troubles, missingFolders } = reading
  for await (const set of run.session.changes(queryOf(deps, run, track))) {
    run.signal.throwIfAborted()
    run.progressed()
    if (set.kind === 'missing') {
      if (!missingFolders.includes(set.wanted)) missingFolders.push(set.wanted)
      continue
    }
    if (set.kind === 'trouble') {
      if (!troubles.has(set.folder.folder)) troubles.set(set.folder.folder, set.trouble)
      continue
    }
    for (const folder of set.folders) read.set(folder.folder, folder)
    if (isNews(track, set)) await record(deps, run, track, set)
    else for (const { folder } of set.folders) unchanged.add(folder)
    if (set.cursor !== null && !(await mayGoOn())) return false
  }
  return true
}

const isOfMailbox = ({ kind }: MailUnavailable): boolean => kind === 'throttled' || kind === 'sign-in-again'

const namedBy = ([folder, trouble]: [string, MailUnavailable]): RunTrouble => ({
  ...troubleOf(trouble),
  detail: `${trouble.message}: ${folder}`,
})

/** What a run has to say that came to the end. */
export const finishOf = ({
  read,
  unchanged,
  troubles,
  missingFolders,
  storage,
}: Reading): SyncRunCommand => ({
  do: 'finish',
  read: [...read.values()],
  unchanged: [...unchanged],
  troubles: [...troubles].map(toFolderTrouble),
  missingFolders,
  storage,
})

const toFolderTrouble = ([folder, { code, message, remedy }]: [string, MailUnavailable]): FolderTrouble => ({
  folder,
  code,
  detail: message,
  remedy,
})

const queryOf = (
  { clock, known }: SyncDeps,
  { account: { accountId, settings }, trigger, progressed }: OpenRun,
  { cursors, since, backfill }: Track,
): ChangesQuery => ({
  cursors: [...cursors.values()],
  folders: settings.folders,
  since,
  now: clock(),
  thorough: trigger === 'request' && backfill === null,
  known: {
    page: (folder, below, limit) => {
      progressed()
      return known.page(accountId, folder, below, limit)
    },
  },
})

const isNews = ({ cursors }: Track, { changes, cursor }: Changes): boolean =>
  changes.length > 0 || (cursor !== null && cursors.get(cursor.scope)?.at !== cursor.at)

/** What was withheld may be available by now, or gone. */
const askForWithheld = async (deps: SyncDeps, run: OpenRun): Promise<void> => {
  const due = dueWithheld(run, deps.clock())
  for (let from = 0; from < due.length; from += ASKED_AT_ONCE)
    await askAgain(deps, run, due.slice(from, from + ASKED_AT_ONCE))
}

/** Fetches what is still in these places. `leftOut`: by patterns that apply no longer. */
export const askAgain = async (
  deps: SyncDeps,
  run: OpenRun,
  asked: readonly Placement[],
  leftOut: readonly Placement[] = [],
): Promise<void> => {
  run.signal.throwIfAborted()
  const known = await knownAt(deps, run.account.accountId, asked)
  const { outcomes, broken } = await storeMessages(deps)(run, asked, known, null)
  if (broken) return breakOff(run, run.mailbox, outcomes, broken)
  const withheld = withheldAfter(run.withheld, asked, outcomes, deps.clock())
  const tally = tallyOf([], outcomes, withheld).result()
  await tellRecorded(run, run.mailbox, noSet, tally, withheld, leftOut)
}

/** Stores new messages, follows moves, flag changes and removals, and records the result. */
const record = async (deps: SyncDeps, run: OpenRun, track: Track, set: Changes): Promise<void> => {
  const added = changesOf(set.changes, 'added').map(({ placement }) => placement)
  const moves = changesOf(set.changes, 'moved')
  const from = await surelyKnownAt(
    deps,
    run,
    moves.map((move) => move.from),
  )
  const followed = moves.filter((move) => from.has(placeKey(move.from)))
  const unknown = moves.filter((move) => !from.has(placeKey(move.from)))
  const toFetch = [...added, ...unknown.map(({ to }) => to)]
  const known = await knownAt(deps, run.account.accountId, toFetch)
  const { outcomes, broken } = await storeMessages(deps)(run, toFetch, known, track.backfill)
  if (broken) return breakOff(run, track, outcomes, broken)
  await follow(deps, run, followed, from)
  for (const move of followed) {
    const became = await becameOfKnown(deps, from.get(placeKey(move.from))!)
    outcomes.push({ placement: move.to, ...became })
  }
  const flagged = changesOf(set.changes, 'flagged')
  const gone = changesOf(set.changes, 'gone')
  const changed = [...flagged, ...gone].map(({ placement }) => placement)
  const places = await surelyKnownAt(deps, run, changed)
  const reflagged = await follow(deps, run, flagged, places)
  const removed = await follow(deps, run, gone, places)

  const settled = [...toFetch, ...gone.map(({ placement }) => placement), ...moves.map((move) => move.from)]
  const withheld = withheldAfter(run.withheld, settled, outcomes, deps.clock())
  const tally = tallyOf(
    set.folders.map(({ folder }) => folder),
    outcomes,
    withheld,
  )
  for (const { change } of reflagged) tally.flagsChanged(change.placement.folder)
  for (const { change, isLeft } of removed) if (isLeft) tally.removed(change.placement.folder)
  await tellRecorded(run, track, set, tally.result(), withheld)
}

type Kind = MailChange['kind']

const changesOf = <K extends Kind>(changes: readonly MailChange[], kind: K) =>
  changes.filter((change): change is Extract<MailChange, { kind: K }> => change.kind === kind)

/** What was stored before the failure is counted now; the cursor stays, so that the next run reads the rest. */
const breakOff = async (
  run: OpenRun,
  { backfill }: Track,
  outcomes: readonly Outcome[],
  { error }: { readonly error: unknown },
): Promise<never> => {
  // What a dead run stored is left to the run that finishes this set: it will find it again.
  const stored = outcomes.filter((outcome) => outcome.became === 'stored' && !outcome.before)
  const withheld = [...run.withheld.values()]
  if (stored.length > 0 && !run.lost.aborted)
    await run.tell({
      do: 'record',
      cursor: null,
      ...tallyOf([], stored, run.withheld).result(),
      withheld,
      left: [],
      backfill,
      askedAgain: [],
    })
  throw error
}

/** What is recorded that comes of no set of changes. */
const noSet = { cursor: null }

const tellRecorded = async (
  run: OpenRun,
  { cursors, backfill }: Track,
  { cursor, left = [] }: Pick<Changes, 'cursor' | 'left'>,
  tally: Tally,
  withheld: OpenRun['withheld'],
  askedAgain: readonly Placement[] = [],
): Promise<void> => {
  run.signal.throwIfAborted()
  await run.tell({
    do: 'record',
    cursor,
    ...tally,
    withheld: [...withheld.values()],
    left,
    backfill,
    askedAgain,
  })
  if (cursor) cursors.set(cursor.scope, cursor)
  run.withheld.clear()
  for (const [key, each] of withheld) run.withheld.set(key, each)
}
