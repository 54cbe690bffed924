import type { ImapFlow } from 'imapflow'
import { MailUnavailable, type ListedFolder } from '../../commands/ports/mail-provider.ts'
import { normaliseMessageId, type FolderRoles } from '../../domain/mail.ts'
import type { EgressGuard } from '../network/egress-guard.ts'
import type { ServerLogin } from './connection.ts'
import { dateOf, fetchMessages, flagsOf, type FetchedMessage } from './fetch.ts'
import { foldersOf } from './folder-roles.ts'
import { openImap } from './imap-connection.ts'
import type { Flagged, FolderView } from './plan.ts'
import { failure, unavailable, type ProblemCode } from './problems.ts'
import { batches, sequence } from './uid-sets.ts'

/**
 * A logged-in session with a mailbox, one folder at a time. Not for concurrent use. Reading changes nothing in the
 * mailbox.
 */
export type ImapSession = {
  folders(): Promise<ListedFolder[]>
  /** Opens a folder read-only, or looks at it again; the calls below concern the folder opened last. */
  open(path: string): Promise<FolderView>
  /** The same, but a folder that is already open stays as it was seen. */
  enter(path: string): Promise<FolderView>
  /** UIDs above `from`-1 that arrived on or after `since` (all when null), ascending. */
  list(range: { from: number; since: Date | null }): Promise<number[]>
  /** All UIDs in `from`..`to` with their flags, ascending. */
  flags(range: { from: number; to: number }): Promise<Flagged[]>
  /** UIDs with their flags, if those changed since one of the server's modification numbers, ascending. */
  flagsSince(modseq: string): Promise<Flagged[]>
  /** Those of these UIDs that are in the folder, with their sizes in bytes. */
  sizes(uids: readonly number[]): Promise<Map<number, number>>
  /** Returns messages one by one; a UID that the server does not return is left out. */
  fetch(uids: readonly number[]): AsyncIterable<FetchedMessage>
  /** UIDs of messages with this id in this header, such as `message-id`. */
  findById(header: string, id: string): Promise<number[]>
  /** Puts a message, marked as seen, into a folder. */
  append(path: string, mime: Buffer, at: Date): Promise<void>
  close(): Promise<void>
}

const LOGOUT_MS = 2000
const DAY_MS = 24 * 60 * 60 * 1000

/** A field's body, folded or not (RFC 5322 2.2.3). Some servers hand out more fields than were asked for. */
const fieldIn = (headers: string, name: string): string =>
  new RegExp(`^${name}:(.*(?:\\r?\\n[ \\t].*)*)`, 'im').exec(headers)?.[1] ?? ''

/**
 * The server's answer to UID SEARCH; after some failures the library returns undefined or false instead of throwing.
 */
const searched = async (client: ImapFlow, query: Parameters<ImapFlow['search']>[0]): Promise<number[]> => {
  const uids = await client.search(query, { uid: true })
  if (!Array.isArray(uids)) throw unavailable(client.usable ? 'command-refused' : 'connection-lost')
  return uids.toSorted((a, b) => a - b)
}

/** UIDs with their flags, ascending. */
const flagged = async (
  client: ImapFlow,
  range: string,
  options: { changedSince?: bigint },
): Promise<Flagged[]> => {
  const found = new Map<number, string[]>()
  for await (const row of client.fetch(range, { uid: true, flags: true }, { uid: true, ...options }))
    found.set(row.uid, flagsOf(row))
  return [...found].toSorted(([a], [b]) => a - b).map(([uid, flags]) => ({ uid, flags }))
}

const opened = async (client: ImapFlow, path: string): Promise<FolderView> => {
  const box = await client.mailboxOpen(path, { readOnly: true })
  // Optional in old servers' answer to EXAMINE (RFC 3501 6.3.2), so ask again before giving up.
  const status = box.uidNext > 0 ? box : await client.status(path, { uidNext: true })
  if (status === false || status.uidNext === undefined) throw unavailable('folder-unavailable')
  // Some servers announce CONDSTORE but number nothing, so it counts only if it was enabled and a number was given.
  const numbers = client.enabled.has('CONDSTORE') && box.highestModseq !== undefined && box.noModseq !== true
  return {
    uidValidity: String(box.uidValidity),
    uidNext: status.uidNext,
    messages: box.exists,
    modseq: numbers ? String(box.highestModseq) : null,
  }
}

/**
 * A mailbox over IMAP (RFC 9051, RFC 3501). Folders are opened with EXAMINE and bodies fetched with PEEK, so reading
 * leaves no trace. Every failure is MailUnavailable.
 */
export const openSession = async (
  guard: EgressGuard,
  login: ServerLogin,
  roles: FolderRoles,
  signal: AbortSignal,
): Promise<ImapSession> => {
  const first = await openImap(guard, login, signal)
  return session(() => openImap(guard, login, signal), roles, signal, first)
}

const session = (
  connect: () => Promise<ImapFlow>,
  roles: FolderRoles,
  signal: AbortSignal,
  first: ImapFlow,
): ImapSession => {
  let client = first
  let folder: { path: string; view: FolderView } | null = null
  let reading = false

  const run = async <T>(work: (client: ImapFlow) => Promise<T>, refused?: ProblemCode): Promise<T> => {
    // A command inside the library's fetch loop would wait forever.
    if (reading) throw new Error('A mailbox session does one thing at a time')
    try {
      return await work(client)
    } catch (error) {
      throw failure(error, refused)
    }
  }

  const reconnect = async (): Promise<void> => {
    client.close()
    client = await connect()
    if (folder === null) return
    const view = await opened(client, folder.path)
    if (view.uidValidity !== folder.view.uidValidity) throw unavailable('folder-changed')
  }

  const fetch = async function* (uids: readonly number[]): AsyncGenerator<FetchedMessage> {
    if (reading) throw new Error('A mailbox session does one thing at a time')
    reading = true
    try {
      yield* fetchMessages({ client: () => client, reconnect, signal }, uids)
    } catch (error) {
      throw failure(error)
    } finally {
      reading = false
    }
  }

  /**
   * SINCE compares dates in the server's own time zone, so one day more is requested and then filtered by INTERNALDATE.
   */
  const arrivedSince = async (box: ImapFlow, uid: string, since: Date): Promise<number[]> => {
    const surely = await searched(box, { uid, since: new Date(since.getTime() + 2 * DAY_MS) })
    const known = new Set(surely)
    const candidates = await searched(box, { uid, since: new Date(since.getTime() - DAY_MS) })
    const unsure = candidates.filter((candidate) => !known.has(candidate))
    for (const batch of batches(unsure)) {
      for await (const row of box.fetch(sequence(batch), { uid: true, internalDate: true }, { uid: true })) {
        if (dateOf(row) >= since) known.add(row.uid)
      }
    }
    return candidates.filter((candidate) => known.has(candidate))
  }

  const open = async (path: string): Promise<FolderView> => {
    folder = null
    try {
      const view = await run((box) => opened(box, path), 'folder-unavailable')
      folder = { path, view }
      return view
    } catch (error) {
      if (!(error instanceof MailUnavailable) || error.code !== 'folder-unavailable') throw error
      // Few servers say why (RFC 5530: NONEXISTENT), so the list of folders is consulted.
      const isThere = (await run((box) => foldersOf(box, roles))).some((each) => each.folder === path)
      throw isThere ? error : unavailable('folder-missing')
    }
  }

  return {
    folders: () => run((box) => foldersOf(box, roles)),

    open,

    enter: (path) => (folder?.path === path ? Promise.resolve(folder.view) : open(path)),

    list: ({ from, since }) =>
      run(async (box) => {
        const uid = `${from}:*`
        const uids = since === null ? await searched(box, { uid }) : await arrivedSince(box, uid, since)
        // n:* includes the newest message even if its UID is below n (RFC 9051 6.4.9).
        return uids.filter((found) => found >= from)
      }),

    flags: ({ from, to }) =>
      run(async (box) => {
        if (from > to) return []
        const found = await flagged(box, `${from}:${to}`, {})
        return found.filter(({ uid }) => uid >= from && uid <= to)
      }),

    flagsSince: (modseq) => run((box) => flagged(box, '1:*', { changedSince: BigInt(modseq) })),

    sizes: (uids) =>
      run(async (box) => {
        const found = new Map<number, number>()
        for (const batch of batches(uids)) {
          const rows = box.fetch(sequence(batch), { uid: true, size: true }, { uid: true })
          for await (const { uid, size = 0 } of rows) found.set(uid, size)
        }
        return found
      }),

    fetch,

    findById: (header, id) =>
      run(async (box) => {
        const wanted = normaliseMessageId(id)
        if (wanted === '') return []
        // HEADER also matches parts of a value (RFC 9051 6.4.4), so each hit is checked.
        const hits = await searched(box, { header: { [header]: wanted } })
        const found: number[] = []
        for (const batch of batches(hits)) {
          const query = { uid: true, headers: [header] }
          for await (const row of box.fetch(sequence(batch), query, { uid: true })) {
            const value = fieldIn(row.headers?.toString('utf8') ?? '', header)
            if (normaliseMessageId(value) === wanted) found.push(row.uid)
          }
        }
        return found.toSorted((a, b) => a - b)
      }),

    append: (path, mime, at) =>
      run(async (box) => {
        if ((await box.append(path, mime, ['\\Seen'], at)) === false) throw unavailable('append-refused')
      }, 'append-refused'),

    close: async () => {
      const late = setTimeout(() => client.close(), LOGOUT_MS)
      await client.logout().catch(() => {})
      clearTimeout(late)
      client.close()
    },
  }
}
