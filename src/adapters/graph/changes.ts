import {
  MailUnavailable,
  type ChangesQuery,
  type ChangeSet,
  type MailChange,
  type MailFolder,
} from '../../commands/ports/mail-provider.ts'
import type { SyncCursor } from '../../domain/sync/events.ts'
import { isWanted, wantedFolders } from '../../domain/sync/wanted-folders.ts'
import type { GraphClient } from './client.ts'
import { compareFolder } from './compare.ts'
import { readCursor, writeCursor, type FolderCursor } from './cursor.ts'
import type { OutlookFolder } from './folders.ts'
import { allKnown, setsOf } from './known.ts'
import { freshCursor, type Reading, type Seen } from './reading.ts'
import { leftToList, readRound } from './round.ts'

type At = { readonly scope: string; readonly at: FolderCursor }
/** What is told when all folders have been read: what has left a folder, and how far that was read. */
type Left = Pick<Reading, 'folder' | 'at' | 'recorded'> & { readonly gone: Iterable<string> }

/**
 * Reads the folders one after the other, each by a delta of its own. Removals are told when all have been read, so that a
 * message that was moved has its new place by then. A folder that cannot be read does not hold up the others.
 */
export const changesOf = async function* (
  client: GraphClient,
  seen: Seen,
  listed: readonly OutlookFolder[],
  query: ChangesQuery,
): AsyncGenerator<ChangeSet> {
  const { chosen, missing } = wantedFolders(listed, query.folders)
  for (const wanted of missing) yield { kind: 'missing', wanted }
  const paths = new Set(listed.map(({ folder }) => folder))
  const carried = query.cursors.flatMap(({ scope, at }): At[] => {
    const read = readCursor(at)
    return read === null ? [] : [{ scope, at: read }]
  })
  const unlisted = carried.filter(({ scope, at }) => !paths.has(scope) && at.link !== null)
  const all: Left[] = []
  for (const of of chosen) {
    const folder = { folder: of.folder, role: of.role }
    const renamed = unlisted.find(({ at }) => at.id === of.id)
    if (renamed !== undefined) yield* follow(renamed, folder, query)
    const before = renamed ?? carried.find(({ scope, at }) => scope === of.folder && at.id === of.id)
    try {
      const reading = await beginReading(client, seen, of, before?.at ?? null, query)
      yield* readRound(reading)
      yield* compareFolder(reading)
      all.push(reading)
    } catch (error) {
      if (!isOfFolder(error)) throw error
      yield { kind: 'trouble', folder, trouble: error }
    }
  }
  const ids = new Set(listed.map(({ id }) => id))
  for (const { scope, at } of unlisted)
    if (!ids.has(at.id) && isWanted({ folder: scope, role: at.role }, query.folders))
      all.push(await takenAway(scope, at, query))
  for (const left of all) yield* tellGone(left)
}

const isOfFolder = (error: unknown): error is MailUnavailable =>
  error instanceof MailUnavailable && (error.kind === 'gone' || error.code === 'outlook-refused')

const isEarlier = (since: Date | null, than: string | null): boolean =>
  than !== null && (since === null || since.toISOString() < than)

const beginReading = async (
  client: GraphClient,
  seen: Seen,
  { id, folder, role }: OutlookFolder,
  before: FolderCursor | null,
  query: ChangesQuery,
): Promise<Reading> => {
  const isFresh = before === null || before.link === null || isEarlier(query.since, before.since)
  const isUnknown = isFresh && (await query.known.page(folder, null, 1)).length === 0
  const at = isFresh ? freshCursor({ id, role }, query, isUnknown) : before
  return {
    client,
    folder: { folder, role },
    id,
    query,
    seen,
    at,
    isNew: isUnknown,
    left: at.isListing ? await leftToList(client, at) : null,
    recorded: isFresh ? null : writeCursor(folder, at).at,
    gone: new Set(),
    told: new Set(),
  }
}

/** A folder that has another name now: what was known under the old one is the same under the new one. */
const follow = async function* (
  old: At,
  folder: MailFolder,
  { known }: ChangesQuery,
): AsyncGenerator<ChangeSet> {
  for await (const page of allKnown(known, old.scope)) {
    const moves = page.map(({ ref, flags }): MailChange => ({
      kind: 'moved',
      from: { folder: old.scope, role: old.at.role, ref },
      to: { ...folder, ref },
      flags,
    }))
    yield* setsOf(folder, moves)
  }
  yield recording(folder, writeCursor(folder.folder, { ...old.at, role: folder.role }))
  yield recording(folder, writeCursor(old.scope, { ...old.at, link: null }))
}

const recording = (folder: MailFolder, cursor: SyncCursor): ChangeSet => ({
  kind: 'changes',
  folders: [folder],
  changes: [],
  cursor,
})

/** A folder that is not there any more, with all that was known of it. */
const takenAway = async (scope: string, at: FolderCursor, { known }: ChangesQuery): Promise<Left> => {
  const gone: string[] = []
  for await (const page of allKnown(known, scope)) gone.push(...page.map(({ ref }) => ref))
  return { folder: { folder: scope, role: null }, at: { ...at, link: null }, recorded: null, gone }
}

/** Removals from a folder, the last of them with the cursor. If there are none, only that it was read. */
const tellGone = function* ({ folder, at, recorded, gone }: Left): Generator<ChangeSet> {
  const changes = [...gone].map((ref): MailChange => ({ kind: 'gone', placement: { ...folder, ref } }))
  yield* setsOf(folder, changes)
  const cursor = writeCursor(folder.folder, at)
  yield { kind: 'changes', folders: [folder], changes: [], cursor: cursor.at === recorded ? null : cursor }
}
