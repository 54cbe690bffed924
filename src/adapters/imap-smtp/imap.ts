import type { ImapFlow } from 'imapflow'
import { MailUnavailable, type ListedFolder } from '../../commands/ports/mail-provider.ts'
import type { FolderRoles } from '../../domain/mail.ts'
import type { MailboxStorage } from '../../domain/sync/mailbox-storage.ts'
import type { EgressGuard } from '../network/egress-guard.ts'
import type { ServerLogin } from './connection.ts'
import { fetchMessages, type FetchedMessage } from './fetch.ts'
import { flagsAt, flagsSince } from './flag-reading.ts'
import { foldersOf } from './folder-roles.ts'
import { openImap } from './imap-connection.ts'
import { messageLimit } from './message-limit.ts'
import { moveMessages } from './move.ts'
import { openFolder, type FolderState } from './open-folder.ts'
import type { Flagged, FolderView } from './plan.ts'
import { failure, unavailable, type ProblemCode } from './problems.ts'
import { findById, listUids } from './search.ts'
import { storageOf } from './storage.ts'
import { batches, sequence } from './uid-sets.ts'

/**
 * A logged-in session with a mailbox, one folder at a time. Not for concurrent use. Reading changes nothing in the
 * mailbox.
 */
export type ImapSession = {
  folders(): Promise<ListedFolder[]>
  /**
   * Opens a folder read-only, or looks at it again; the calls below concern the folder opened last. `since`: what was
   * seen of it before, to be told what has happened since.
   */
  open(path: string, since?: FolderState | null): Promise<FolderView>
  /** The same, but a folder that is already open stays as it was seen. */
  enter(path: string): Promise<FolderView>
  /** UIDs above `from`-1 that arrived on or after `since` (all when null), ascending. */
  list(range: { from: number; since: Date | null }): Promise<number[]>
  /** Those of these UIDs that are in the folder, with their flags, ascending. */
  flags(uids: readonly number[]): Promise<Flagged[]>
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
  /**
   * Moves those messages of a folder that are still there to another folder.
   * @returns how many
   */
  move(path: string, refs: readonly string[], to: string): Promise<number>
  /** How much may be in the mailbox and is, where the server says (RFC 9208). */
  storage(): Promise<MailboxStorage | null>
  close(): Promise<void>
}

const LOGOUT_MS = 2000

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
    const view = await openFolder(client, folder.path, null)
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

  const open = async (path: string, since: FolderState | null = null): Promise<FolderView> => {
    folder = null
    try {
      const view = await run((box) => openFolder(box, path, since), 'folder-unavailable')
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

    list: (range) => run((box) => listUids(box, { ...range, uidNext: folder?.view.uidNext ?? Infinity })),

    flags: (uids) => run((box) => flagsAt(box, uids)),

    flagsSince: (modseq) => run((box) => flagsSince(box, modseq)),

    sizes: (uids) =>
      run(async (box) => {
        const found = new Map<number, number>()
        for (const batch of batches(uids, messageLimit(box))) {
          const rows = box.fetch(sequence(batch), { uid: true, size: true }, { uid: true })
          for await (const { uid, size = 0 } of rows) found.set(uid, size)
        }
        return found
      }),

    fetch,

    findById: (header, id) => run((box) => findById(box, header, id)),

    append: (path, mime, at) =>
      run(async (box) => {
        if ((await box.append(path, mime, ['\\Seen'], at)) === false) throw unavailable('append-refused')
      }, 'append-refused'),

    move: (path, refs, to) => {
      folder = null
      return run((box) => moveMessages(box, path, refs, to), 'move-refused')
    },

    storage: () => run(storageOf),

    close: async () => {
      const late = setTimeout(() => client.close(), LOGOUT_MS)
      await client.logout().catch(() => {})
      clearTimeout(late)
      client.close()
    },
  }
}
