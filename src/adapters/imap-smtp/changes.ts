import {
  MailUnavailable,
  type ChangesQuery,
  type ChangeSet,
  type MailChange,
  type MailFolder,
} from '../../commands/ports/mail-provider.ts'
import type { Placement, SyncCursor } from '../../domain/sync/events.ts'
import { compareKnown, knownInFull } from './compare.ts'
import type { ImapSession } from './imap.ts'
import { readCursor, refOf, uidIn, writeCursor, type FolderCursor } from './places.ts'
import {
  afterUnrecorded,
  historyStretches,
  newMailStretches,
  planFolder,
  STRETCH,
  type FolderPlan,
  type FolderView,
  type PlanOptions,
  type Stretch,
} from './plan.ts'

/** Longer names of folders are no folders, but an attack on what has to index them. */
const LONGEST_PATH = 500
/** Stands for the UIDVALIDITY of a folder that is not there. */
const NOWHERE = 'gone'

/** A folder that has been read: where its cursor stands, and what is told of it when all folders have been read. */
type Read = {
  readonly folder: MailFolder
  readonly recorded: SyncCursor | undefined
  readonly cursor: SyncCursor
  /** References that name nothing there any more. */
  readonly missing: readonly string[]
}

/**
 * The folders one after the other: new mail, then history, then flags. What is gone is told when all have been read, so
 * that a message which was moved has its new place by then. A folder that cannot be opened keeps the others from nothing.
 */
export const changesOf = async function* (
  session: ImapSession,
  query: ChangesQuery,
): AsyncGenerator<ChangeSet> {
  const carried = new Map(query.cursors.map((cursor) => [cursor.scope, cursor]))
  const listed = await session.folders()
  const all: Read[] = []
  for (const folder of chosen(listed, query)) {
    try {
      all.push(yield* readFolder(session, folder, carried.get(folder.folder), query))
    } catch (error) {
      if (!isFolderTrouble(error)) throw error
      yield { kind: 'trouble', folder, trouble: error }
    }
  }
  const paths = new Set(listed.map(({ folder }) => folder))
  for (const cursor of carried.values())
    if (!paths.has(cursor.scope)) all.push(...(await forgotten(session, cursor, query)))
  for (const read of all) yield* tellGone(read)
}

/** The folders of the roles, in their order. */
const chosen = (listed: readonly MailFolder[], { roles }: ChangesQuery): MailFolder[] =>
  roles.flatMap((role) => listed.filter((each) => each.role === role && each.folder.length <= LONGEST_PATH))

const isFolderTrouble = (error: unknown): error is MailUnavailable =>
  error instanceof MailUnavailable && ['folder-unavailable', 'folder-missing'].includes(error.code)

const readFolder = async function* (
  session: ImapSession,
  folder: MailFolder,
  carried: SyncCursor | undefined,
  query: ChangesQuery,
): AsyncGenerator<ChangeSet, Read> {
  const path = folder.folder
  const view = await session.open(path)
  const options: PlanOptions = {
    since: query.since?.toISOString() ?? null,
    now: query.now.toISOString(),
    thorough: query.thorough,
  }
  const planned = planFolder(carried && readCursor(carried.at), view, options)
  const plan = afterUnrecorded(planned, await newestKnown(query, path, planned))
  const reading = readStretches(session, folder, plan)
  const { cursor, recorded, newlyListed } = yield* reading
  const compared = yield* compareKnown(session, folder, plan, newlyListed, options, query.known)
  const { complete, full, missing } = compared
  const at: FolderCursor = {
    ...cursor,
    messages: complete ? view.messages : null,
    scannedAt: full && complete ? options.now : cursor.scannedAt,
  }
  return { folder, recorded: recorded ?? carried, cursor: writeCursor(path, at), missing }
}

/** The newest UID that is known of new mail; null where there is no new mail, or nothing is known. */
const newestKnown = async (
  { known }: ChangesQuery,
  path: string,
  { newFrom, view }: FolderPlan,
): Promise<number | null> => {
  if (newFrom === null) return null
  const [newest] = await known.page(path, refOf(view.uidValidity, view.uidNext), 1)
  return newest === undefined ? null : uidIn(newest.ref, view.uidValidity)
}

/** New mail and history, a set for each stretch. `recorded` is the last cursor that was told. */
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
  const setOf = ({ uids, cursor }: Stretch): ChangeSet => {
    told.cursor = cursor
    told.recorded = writeCursor(path, cursor)
    const changes = uids.map((uid): MailChange => ({
      kind: 'added',
      placement: place(folder, plan.view, uid),
    }))
    return { kind: 'changes', folders: [folder], changes, cursor: told.recorded }
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
    // Whoever was given a set may have opened another folder meanwhile.
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

/** A folder that is not listed; it may be there all the same, and then nothing is told of it. */
const forgotten = async (session: ImapSession, carried: SyncCursor, query: ChangesQuery): Promise<Read[]> => {
  const before = readCursor(carried.at)
  if (before?.uidValidity === NOWHERE) return []
  try {
    await session.open(carried.scope)
    return []
  } catch (error) {
    if (!isFolderTrouble(error)) throw error
  }
  const { complete, missing } = await knownInFull(query.known, carried.scope)
  const at: FolderCursor = {
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

/** What is gone from a folder, and with the last of it the cursor. Without anything, that it was looked at. */
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
