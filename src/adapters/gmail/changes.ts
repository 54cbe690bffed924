import {
  MailUnavailable,
  type ChangesQuery,
  type ChangeSet,
  type KnownPlace,
  type MailChange,
} from '../../commands/ports/mail-provider.ts'
import { inParallel } from '../../std/in-parallel.ts'
import { wantedFolders } from '../../domain/sync/wanted-folders.ts'
import { AT_ONCE, type GmailClient } from './client.ts'
import { cursorAt, readCursor, type Cursor } from './cursor.ts'
import { mailLists, type GmailFolder } from './folders.ts'
import { changesOfMessage, historySince, type History } from './history.ts'
import { COST } from './quota.ts'

const SET_SIZE = 200
const KNOWN_AT_ONCE = 500

/**
 * Reads on in Gmail's history. What it does not tell is listed, and compared with what is known: folders that were not
 * read yet, all of them where the history is forgotten, or where somebody asked for it.
 */
export const changesOf = async function* (
  client: GmailClient,
  folders: readonly GmailFolder[],
  query: ChangesQuery,
): AsyncGenerator<ChangeSet> {
  const { chosen, missing } = wantedFolders(folders, query.folders)
  for (const wanted of missing) yield { kind: 'missing', wanted }
  const before = readCursor(query.cursors)
  const history = before && (await historySince(client, before.historyId))
  const since = earlier(before, query.since)
  const isRead = ({ id, folder }: GmailFolder): boolean =>
    before?.listed.some((listed) => listed.id === id && listed.folder === folder) === true
  const isAnew = history === null || before === null || query.thorough || since !== before.since
  const unread = isAnew ? chosen : chosen.filter((folder) => !isRead(folder))
  // From before the lists are made: what changes meanwhile is told by the next run.
  const historyId = history?.historyId ?? (await currentHistoryId(client))
  const told = history === null ? noChanges() : await changesOfHistory(client, history, chosen)
  yield* inSets(told.arrived, chosen)

  const listed = chosen.filter((folder) => !unread.includes(folder))
  const compared = unread.length === 0 ? null : await compare(client, unread, query, since)
  const toCome = countByFolder([...(compared?.added.values() ?? [])].flat())
  for (const folder of unread) {
    yield* inSets(compared?.added.get(folder) ?? [], unread, toCome)
    listed.push(folder)
    // What the history told is only done with when all is told.
    const at = before === null ? historyId : before.historyId
    const cursor = before === null || !isAnew ? cursorAt({ historyId: at, since, listed }) : null
    yield { kind: 'changes', folders: [folder], changes: [], cursor }
  }
  yield* inSets([...told.flagged, ...(compared?.flagged ?? [])], chosen)
  const lost = await inLostFolders(query, before, folders, chosen)
  yield* inSets([...told.gone, ...(compared?.gone ?? []), ...lost], chosen)
  const last = cursorAt({ historyId, since, listed })
  const isNews = query.cursors.every(({ at }) => at !== last.at)
  yield { kind: 'changes', folders: chosen, changes: [], cursor: isNews ? last : null }
}

/** As far back as anybody ever asked for; the window moves on, but what was read stays. */
const earlier = (before: Cursor | null, since: Date | null): string | null => {
  const asked = since?.toISOString() ?? null
  if (before === null || asked === null) return asked
  return before.since === null || before.since < asked ? before.since : asked
}

const currentHistoryId = async (client: GmailClient): Promise<string> => {
  const { historyId } = await client.call(COST.profile, (users, options) =>
    users.getProfile({ userId: 'me' }, options),
  )
  return historyId ?? ''
}

type Told = {
  readonly arrived: readonly MailChange[]
  readonly flagged: readonly MailChange[]
  readonly gone: readonly MailChange[]
}

const noChanges = (): Told => ({ arrived: [], flagged: [], gone: [] })

const changesOfHistory = async (
  client: GmailClient,
  { steps }: NonNullable<History>,
  chosen: readonly GmailFolder[],
): Promise<Told> => {
  const changes = await inParallel([...steps], AT_ONCE, async ([id, ofMessage]) => {
    const last = ofMessage.at(-1)
    const labels = last?.did === 'went' ? null : (last?.now ?? (await labelsOf(client, id)))
    return changesOfMessage(id, ofMessage, labels, chosen)
  })
  const all = changes.flat()
  return {
    arrived: all.filter(({ kind }) => kind === 'added' || kind === 'moved'),
    flagged: all.filter(({ kind }) => kind === 'flagged'),
    gone: all.filter(({ kind }) => kind === 'gone'),
  }
}

/** Null if it is not there any more. */
const labelsOf = async (client: GmailClient, id: string): Promise<ReadonlySet<string> | null> => {
  try {
    const { labelIds } = await client.call(COST.get, (users, options) =>
      users.messages.get({ userId: 'me', id, format: 'minimal' }, options),
    )
    return new Set(labelIds)
  } catch (error) {
    if (error instanceof MailUnavailable && error.kind === 'gone') return null
    throw error
  }
}

type Compared = {
  /** By the first folder that a message is in; with it come its places in the others, so that it is fetched once. */
  readonly added: ReadonlyMap<GmailFolder, readonly MailChange[]>
  readonly flagged: readonly MailChange[]
  readonly gone: readonly MailChange[]
}

/** The folders as they are against what is known of them. What lies in the window is told, known or not. */
const compare = async (
  client: GmailClient,
  folders: readonly GmailFolder[],
  { known }: ChangesQuery,
  since: string | null,
): Promise<Compared> => {
  const lists = mailLists(client)
  const window = since === null ? null : new Date(since)
  const inWindow: { readonly folder: GmailFolder; readonly ids: ReadonlySet<string> }[] = []
  for (const folder of folders) inWindow.push({ folder, ids: await lists.inFolder(folder.id, window) })
  const flagged: MailChange[] = []
  const gone: MailChange[] = []
  for (const { folder, role, id } of folders) {
    const places = await allKnown(known, folder)
    if (places.length === 0) continue
    const [there, flagsNow] = [await lists.inFolder(id, null), await lists.flags()]
    for (const { ref, flags } of places) {
      const placement = { folder, role, ref }
      const now = flagsNow(ref)
      if (!there.has(ref)) gone.push({ kind: 'gone', placement })
      else if (now.join(' ') !== flags.toSorted().join(' '))
        flagged.push({ kind: 'flagged', placement, flags: now })
    }
  }
  return { added: addedIn(inWindow), flagged, gone }
}

const addedIn = (
  lists: readonly { readonly folder: GmailFolder; readonly ids: ReadonlySet<string> }[],
): Map<GmailFolder, MailChange[]> => {
  const seen = new Set<string>()
  const added = new Map<GmailFolder, MailChange[]>()
  for (const [index, { folder: first, ids }] of lists.entries()) {
    const fresh = [...ids].filter((id) => !seen.has(id))
    const changes = fresh.flatMap((ref) =>
      lists
        .slice(index)
        .filter((other) => other.ids.has(ref))
        .map(({ folder: { folder, role } }): MailChange => ({
          kind: 'added',
          placement: { folder, role, ref },
        })),
    )
    for (const id of fresh) seen.add(id)
    added.set(first, changes)
  }
  return added
}

/** What lay in folders that were read, and are not there any more, or are called something else that is asked for. */
const inLostFolders = async (
  { known }: ChangesQuery,
  before: Cursor | null,
  folders: readonly GmailFolder[],
  chosen: readonly GmailFolder[],
): Promise<MailChange[]> => {
  const lost = (before?.listed ?? []).filter(({ id, folder }) => {
    const now = folders.find((each) => each.id === id)
    return now === undefined || (now.folder !== folder && chosen.includes(now))
  })
  const changes: MailChange[] = []
  for (const { folder } of lost)
    for (const { ref } of await allKnown(known, folder))
      changes.push({ kind: 'gone', placement: { folder, role: null, ref } })
  return changes
}

const allKnown = async (known: ChangesQuery['known'], folder: string): Promise<KnownPlace[]> => {
  const all: KnownPlace[] = []
  for (;;) {
    const page = await known.page(folder, all.at(-1)?.ref ?? null, KNOWN_AT_ONCE)
    all.push(...page)
    if (page.length < KNOWN_AT_ONCE) return all
  }
}

const folderOf = (change: MailChange): string =>
  change.kind === 'moved' ? change.to.folder : change.placement.folder

const countByFolder = (changes: readonly MailChange[]): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const change of changes) counts.set(folderOf(change), (counts.get(folderOf(change)) ?? 0) + 1)
  return counts
}

/** `toCome`: how many there are of each folder, where that is to be told; what has been told is taken off. */
const inSets = function* (
  changes: readonly MailChange[],
  folders: readonly GmailFolder[],
  toCome: Map<string, number> = new Map(),
): Generator<ChangeSet> {
  for (let from = 0; from < changes.length; from += SET_SIZE) {
    const part = changes.slice(from, from + SET_SIZE)
    const named = countByFolder(part)
    for (const [folder, count] of toCome) toCome.set(folder, count - (named.get(folder) ?? 0))
    yield {
      kind: 'changes',
      folders: folders
        .filter(({ folder }) => named.has(folder))
        .map(({ folder, role }) => ({ folder, role })),
      changes: part,
      cursor: null,
      left: [...toCome].map(([folder, count]) => ({ folder, count })),
    }
  }
}
