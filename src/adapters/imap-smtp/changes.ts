import {
  MailUnavailable,
  type ChangesQuery,
  type ChangeSet,
  type ListedFolder,
  type MailChange,
  type MailFolder,
} from '../../commands/ports/mail-provider.ts'
import type { Placement, SyncCursor } from '../../domain/sync/events.ts'
import { isWanted, wantedFolders } from '../../domain/sync/wanted-folders.ts'
import { compareKnown, knownInFull } from './compare.ts'
import type { ImapSession } from './imap.ts'
import type { FolderState } from './open-folder.ts'
import { readCursor, refOf, uidIn, writeCursor, type FolderCursor } from './places.ts'
import {
  afterUnrecorded,
  historyStretches,
  newMailStretches,
  planFolder,
  STRETCH,
  type Flagged,
  type FolderPlan,
  type FolderView,
  type PlanOptions,
  type Stretch,
} from './plan.ts'

/** Longer folder names are not genuine, but an attack on whatever indexes them. */
const LONGEST_PATH = 500
/** Stands for the UIDVALIDITY of a folder that does not exist. */
const NOWHERE = 'gone'

/** A folder that has been read: the state of its cursor, and what is reported once all folders have been read. */
type Read = {
  readonly folder: MailFolder
  readonly recorded: SyncCursor | undefined
  readonly cursor: SyncCursor
  /** References that no longer name anything there. */
  readonly missing: readonly string[]
}

/**
 * Reads the folders one after the other: new mail, then history, then flags. Removals are reported when all have been
 * read, so that a message that was moved has its new place by then. A folder that cannot be opened does not hold up the
 * others.
 */
export const changesOf = async function* (
  session: ImapSession,
  query: ChangesQuery,
): AsyncGenerator<ChangeSet> {
  const carried = new Map(query.cursors.map((cursor) => [cursor.scope, cursor]))
  const listed = (await session.folders()).filter(isFollowable)
  const { chosen, missing } = wantedFolders(listed, query.folders)
  for (const wanted of missing) yield { kind: 'missing', wanted }
  const all: Read[] = []
  for (const { folder: path, role } of chosen) {
    const folder = { folder: path, role }
    try {
      all.push(yield* readFolder(session, folder, carried.get(folder.folder), query))
    } catch (error) {
      if (!isFolderTrouble(error)) throw error
      yield { kind: 'trouble', folder, trouble: error }
    }
  }
  const paths = new Set(listed.map(({ folder }) => folder))
  const unread = listed.filter((folder) => !chosen.includes(folder) && !carried.has(folder.folder))
  for (const cursor of carried.values())
    if (!paths.has(cursor.scope))
      all.push(...(await forgotten(session, cursor, { read: all, unread }, query)))
  for (const read of all) yield* tellGone(read)
}

const isFollowable = ({ folder, opens }: ListedFolder): boolean => opens && folder.length <= LONGEST_PATH

const isFolderTrouble = (error: unknown): error is MailUnavailable =>
  error instanceof MailUnavailable && ['folder-unavailable', 'folder-missing'].includes(error.code)

const readFolder = async function* (
  session: ImapSession,
  folder: MailFolder,
  carried: SyncCursor | undefined,
  query: ChangesQuery,
): AsyncGenerator<ChangeSet, Read> {
  const path = folder.folder
  const before = carried && readCursor(carried.at)
  const view = await session.open(path, stateOf(before))
  const options: PlanOptions = {
    since: query.since?.toISOString() ?? null,
    now: query.now.toISOString(),
    thorough: query.thorough,
  }
  const planned = planFolder(before, folder.role, view, options)
  const plan = afterUnrecorded(planned, await newestKnown(query, path, planned))
  const reading = readStretches(session, folder, plan)
  const { cursor, recorded, newlyListed } = yield* reading
  yield* await flagsSince(session, folder, plan)
  const compared = yield* compareKnown(session, folder, plan, newlyListed, options, query.known)
  const { complete, full, missing } = compared
  const at: FolderCursor = {
    ...cursor,
    // From here on nothing is missed: everything has been compared, or earlier changes have been reported.
    modseq: cursor.modseq !== null || (full && complete) ? view.modseq : null,
    messages: complete ? view.messages : null,
    scannedAt: full && complete ? options.now : cursor.scannedAt,
  }
  return { folder, recorded: recorded ?? carried, cursor: writeCursor(path, at), missing }
}

const stateOf = (cursor: FolderCursor | undefined): FolderState | null =>
  cursor === undefined || cursor.modseq === null
    ? null
    : { uidValidity: cursor.uidValidity, modseq: cursor.modseq }

/** The highest UID known of new mail; null if there is no new mail, or nothing is known. */
const newestKnown = async (
  { known }: ChangesQuery,
  path: string,
  { newFrom, view }: FolderPlan,
): Promise<number | null> => {
  if (newFrom === null) return null
  const [newest] = await known.page(path, refOf(view.uidValidity, view.uidNext), 1)
  return newest === undefined ? null : uidIn(newest.ref, view.uidValidity)
}

/** New mail and history, one set per batch. `recorded` is the last cursor that was reported. */
const readStretches = async function* (
  session: ImapSession,
  folder: MailFolder,
  plan: FolderPlan,
): AsyncGenerator<
  ChangeSet,
  { cursor: FolderCursor; recorded: SyncCursor | undefined; newlyListed: number }
> {
  const path = folder.folder
  const told = { cursor: plan.cursor, recorded: undefined as SyncCursor | undefined, newlyListed: 0 }
  const setOf = ({ uids, cursor, left }: Stretch): ChangeSet => {
    told.cursor = cursor
    told.recorded = writeCursor(path, cursor)
    const changes = uids.map((uid): MailChange => ({
      kind: 'added',
      placement: place(folder, plan.view, uid),
    }))
    const toCome = left === undefined ? {} : { left: [{ folder: path, count: left }] }
    return { kind: 'changes', folders: [folder], changes, cursor: told.recorded, ...toCome }
  }
  if (plan.newFrom !== null) {
    const listed = await session.list({ from: plan.newFrom, since: null })
    for (const stretch of newMailStretches(plan, listed)) {
      told.newlyListed += stretch.uids.length
      yield setOf(stretch)
    }
  }
  if (plan.history !== null) {
    const { since } = plan.history
    // Whoever was given a set may have opened another folder in the meantime.
    await session.enter(path)
    const listed = await session.list({ from: 1, since: since === null ? null : new Date(since) })
    for (const stretch of historyStretches(plan, told.cursor, listed)) yield setOf(stretch)
  }
  return told
}

const place = ({ folder, role }: MailFolder, { uidValidity }: FolderView, uid: number): Placement => ({
  folder,
  role,
  ref: refOf(uidValidity, uid),
})

/** The flags changed since the last run, however old the message, if the server numbers its changes. */
const flagsSince = async (
  session: ImapSession,
  folder: MailFolder,
  { view, cursor }: FolderPlan,
): Promise<ChangeSet[]> => {
  if (cursor.modseq === null || view.modseq === null || cursor.modseq === view.modseq) return []
  const found = view.resync?.flags ?? (await asked(session, folder.folder, cursor.modseq))
  // Newer messages have just been read with their flags.
  const changed = found.filter(({ uid }) => uid < cursor.uidNext)
  return Array.from({ length: Math.ceil(changed.length / STRETCH) }, (_, index) => ({
    kind: 'changes',
    folders: [folder],
    changes: changed.slice(index * STRETCH, (index + 1) * STRETCH).map(({ uid, flags }): MailChange => ({
      kind: 'flagged',
      placement: place(folder, view, uid),
      flags,
    })),
    cursor: null,
  }))
}

const asked = async (session: ImapSession, path: string, modseq: string): Promise<Flagged[]> => {
  await session.enter(path)
  return session.flagsSince(modseq)
}

/**
 * A folder that is not listed but may still exist. If it was among those `read` under another name, its messages were
 * found there and have left the old name. If it is among the `unread`, nothing is reported about it, nor if it is no
 * longer wanted.
 */
const forgotten = async (
  session: ImapSession,
  carried: SyncCursor,
  others: { readonly read: readonly Read[]; readonly unread: readonly MailFolder[] },
  query: ChangesQuery,
): Promise<Read[]> => {
  const before = readCursor(carried.at)
  const role = before?.role ?? null
  if (before?.uidValidity === NOWHERE || (await viewOf(session, carried.scope)) !== null) return []
  const isIt = (view: Pick<FolderView, 'uidValidity' | 'uidNext'> | null | undefined): boolean =>
    view?.uidValidity === before?.uidValidity && (view?.uidNext ?? 0) >= (before?.uidNext ?? 0)
  if (!others.read.some(({ cursor }) => isIt(readCursor(cursor.at)))) {
    if (!isWanted({ folder: carried.scope, role }, query.folders)) return []
    for (const { folder } of others.unread) if (isIt(await viewOf(session, folder))) return []
  }
  const { complete, missing } = await knownInFull(query.known, carried.scope)
  const at: FolderCursor = {
    role,
    modseq: null,
    uidValidity: complete ? NOWHERE : (before?.uidValidity ?? ''),
    uidNext: before?.uidNext ?? 1,
    since: before?.since ?? query.since?.toISOString() ?? null,
    backfilledTo: null,
    backfillDone: false,
    messages: null,
    scannedAt: null,
  }
  const folder = { folder: carried.scope, role: null }
  return [{ folder, recorded: carried, cursor: writeCursor(carried.scope, at), missing }]
}

/** Null if the folder cannot be opened. */
const viewOf = async (session: ImapSession, path: string): Promise<FolderView | null> => {
  try {
    return await session.open(path)
  } catch (error) {
    if (isFolderTrouble(error)) return null
    throw error
  }
}

/** Removals from a folder, the last of them with the cursor. If there are none, only that it was read. */
const tellGone = function* ({ folder, recorded, cursor, missing }: Read): Generator<ChangeSet> {
  const isNews = recorded?.at !== cursor.at
  for (let from = 0; from === 0 || from < missing.length; from += STRETCH) {
    const isLast = from + STRETCH >= missing.length
    const changes = missing
      .slice(from, from + STRETCH)
      .map((ref): MailChange => ({ kind: 'gone', placement: { ...folder, ref } }))
    yield { kind: 'changes', folders: [folder], changes, cursor: isLast && isNews ? cursor : null }
  }
}
