import type { FolderRole } from '../../domain/mail.ts'
import type { FolderCursor } from './places.ts'
import { rangesOf } from './uid-sets.ts'

/** Messages per batch: well below the limits of servers (RFC 9738: 1,000), and cheap to repeat. */
export const STRETCH = 200
/** The flags of this many of the newest messages are compared in every run. */
export const RECENT = 300
/** How often a folder is compared in full although nothing calls for it: a server may tell its changes wrongly. */
const FULL_SCAN_EVERY_MS = { silent: 30 * 60_000, numbered: 24 * 60 * 60_000 }

/**
 * What a server tells of a folder since a state of it from before (QRESYNC, RFC 7162): UIDs that have vanished, ascending,
 * some of them perhaps long gone, and flags that have changed.
 */
export type Resync = { readonly vanished: readonly number[]; readonly flags: readonly Flagged[] }

/**
 * A folder as the server shows it when it is opened. `modseq`: its latest modification number (RFC 7162). `resync`: null
 * if the server did not tell what has happened.
 */
export type FolderView = {
  readonly resync: Resync | null
  readonly modseq: string | null
  readonly uidValidity: string
  readonly uidNext: number
  readonly messages: number
}

/** `since` is where the historical window begins, null for the whole mailbox; `now` in RFC 3339. */
export type PlanOptions = {
  readonly since: string | null
  readonly now: string
  readonly thorough: boolean
}

/**
 * What is to be done in a folder. `cursor` is where it continues: carried over, or fresh (`isFresh`). `newFrom` is the
 * first UID of new mail, null if there is none; `history` is the part of the window that is still to be read, UIDs
 * below `below`.
 */
export type FolderPlan = {
  readonly view: FolderView
  readonly cursor: FolderCursor
  readonly isFresh: boolean
  readonly newFrom: number | null
  readonly history: { readonly since: string | null; readonly below: number } | null
}

/** UIDs to fetch together, the cursor once that is done, and how many of the history are left then. */
export type Stretch = {
  readonly uids: readonly number[]
  readonly cursor: FolderCursor
  readonly left?: number
}

/**
 * Plans one folder. A changed UIDVALIDITY voids all old UIDs (RFC 9051 2.3.1.1): the folder is read again as far back
 * as before, and the store recognises each message by its identity, so nothing is announced twice.
 */
export const planFolder = (
  carried: FolderCursor | undefined,
  role: FolderRole | null,
  view: FolderView,
  options: PlanOptions,
): FolderPlan => {
  const isFresh = carried?.uidValidity !== view.uidValidity
  const kept =
    carried && !isFresh
      ? { ...carried, role }
      : freshCursor(role, view, carried ? earlier(carried.since, options.since) : options.since)
  const since = earlier(kept.since, options.since)
  // Read again from the top instead of continuing below: UIDs do not follow dates (mail moved in has a new UID).
  const cursor = since === kept.since ? kept : { ...kept, since, backfilledTo: null, backfillDone: false }
  return {
    view,
    cursor,
    isFresh,
    newFrom: view.uidNext > cursor.uidNext ? cursor.uidNext : null,
    history: cursor.backfillDone ? null : { since, below: cursor.backfilledTo ?? cursor.uidNext },
  }
}

const freshCursor = (role: FolderRole | null, view: FolderView, since: string | null): FolderCursor => ({
  role,
  modseq: null,
  uidValidity: view.uidValidity,
  uidNext: view.uidNext,
  since,
  backfilledTo: null,
  backfillDone: false,
  messages: null,
  scannedAt: null,
})

/**
 * The plan for a folder about which more is known than the cursor says: a run stored messages and died before it
 * recorded the cursor. Removals since cannot be told from a count then, so everything is compared.
 */
export const afterUnrecorded = (plan: FolderPlan, newestKnown: number | null): FolderPlan =>
  plan.newFrom === null || newestKnown === null || newestKnown < plan.newFrom
    ? plan
    : { ...plan, cursor: { ...plan.cursor, messages: null } }

/** The earlier of two starts of a window; null is the beginning of time. */
const earlier = (a: string | null, b: string | null): string | null =>
  a === null || b === null ? null : a < b ? a : b

/**
 * New mail in ascending batches, each of which advances `uidNext`, so that a crash repeats only one batch. What the
 * server lists is cut to the plan: `n:*` includes the last message even if its UID is below n (RFC 9051 6.4.9), and
 * what has arrived since the folder was opened belongs to the next run.
 */
export const newMailStretches = (
  { cursor, newFrom, view }: FolderPlan,
  listed: readonly number[],
): Stretch[] => {
  if (newFrom === null) return []
  const uids = ascending(listed.filter((uid) => uid >= newFrom && uid < view.uidNext))
  if (uids.length === 0) return [{ uids, cursor: { ...cursor, uidNext: view.uidNext, messages: null } }]
  return chunks(uids).map((chunk, index, all) => {
    const uidNext = index === all.length - 1 ? view.uidNext : chunk.at(-1)! + 1
    return { uids: chunk, cursor: { ...cursor, uidNext, messages: null } }
  })
}

/** History, newest first, in batches that each lower `backfilledTo`; the last one ends the backfill. */
export const historyStretches = (
  { history }: FolderPlan,
  cursor: FolderCursor,
  listed: readonly number[],
): Stretch[] => {
  if (!history) return []
  const uids = ascending(listed.filter((uid) => uid < history.below)).toReversed()
  const done = { ...cursor, backfillDone: true, messages: null }
  if (uids.length === 0) return [{ uids, cursor: done, left: 0 }]
  return chunks(uids).map((chunk, index, all) => ({
    uids: chunk,
    left: Math.max(uids.length - (index + 1) * STRETCH, 0),
    cursor: { ...done, backfilledTo: chunk.at(-1)!, backfillDone: index === all.length - 1 },
  }))
}

const ascending = (uids: readonly number[]): number[] => [...new Set(uids)].toSorted((a, b) => a - b)

const chunks = (uids: readonly number[]): number[][] =>
  Array.from({ length: Math.ceil(uids.length / STRETCH) }, (_, index) =>
    uids.slice(index * STRETCH, (index + 1) * STRETCH),
  )

// ---------------------------------------------------------------- flags and deletions

/** What is looked up one by one; beyond, comparing the whole folder is cheaper. */
const MOST_RANGES = 50

/**
 * How much of a folder is compared for flags and deletions: everything now and then, and whenever the number of messages
 * does not follow from what is known to have come and gone. Otherwise nothing if the server numbers its changes, since
 * then it has told them, and else the newest messages.
 */
export const scanOf = (
  { cursor, view }: FolderPlan,
  newlyListed: number,
  { now, thorough }: Pick<PlanOptions, 'now' | 'thorough'>,
): 'full' | 'recent' | 'none' => {
  const isNumbered = cursor.modseq !== null && view.modseq !== null
  const every = FULL_SCAN_EVERY_MS[isNumbered ? 'numbered' : 'silent']
  const isDue = cursor.scannedAt === null || Date.parse(now) - Date.parse(cursor.scannedAt) >= every
  if (thorough || isDue || cursor.messages === null) return 'full'
  const left = cursor.messages + newlyListed - view.messages
  const vanished = vanishedOf({ cursor, view })
  if (left < 0 || left > vanished.length || rangesOf(vanished).length > MOST_RANGES) return 'full'
  return isNumbered ? 'none' : 'recent'
}

/** UIDs that the server says have vanished, of those that the folder had before this run. */
export const vanishedOf = ({ cursor, view }: Pick<FolderPlan, 'cursor' | 'view'>): number[] =>
  (view.resync?.vanished ?? []).filter((uid) => uid < cursor.uidNext)

/** A message with its flags, as known or as the server shows it. */
export type Flagged = { readonly uid: number; readonly flags: readonly string[] }

/**
 * Compares what is known about a range of a folder with what the server shows. `missing` is reported after all folders
 * have been read, so that a message that was moved has its new place by then.
 */
export const compareFlags = <Known extends Flagged>(
  known: readonly Known[],
  found: readonly Flagged[],
): { changed: { readonly known: Known; readonly flags: readonly string[] }[]; missing: Known[] } => {
  const flagsOf = new Map(found.map(({ uid, flags }) => [uid, flags]))
  const changed = known.flatMap((each) => {
    const flags = flagsOf.get(each.uid)
    return flags && !sameFlags(flags, each.flags) ? [{ known: each, flags }] : []
  })
  return { changed, missing: known.filter(({ uid }) => !flagsOf.has(uid)) }
}

const sameFlags = (a: readonly string[], b: readonly string[]): boolean =>
  JSON.stringify(a.toSorted()) === JSON.stringify(b.toSorted())
