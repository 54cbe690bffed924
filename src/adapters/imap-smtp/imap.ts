import type { FetchMessageObject, ImapFlow } from 'imapflow'
import {
  MailUnavailable,
  type FetchedMessage,
  type FolderState,
  type MailboxConnector,
  type MailboxSession,
  type ServerLogin,
} from '../../commands/ports/mail-provider.ts'
import { normaliseMessageId } from '../../domain/mail.ts'
import type { EgressGuard } from '../network/egress-guard.ts'
import { foldersOf } from './folder-roles.ts'
import { openImap } from './imap-connection.ts'
import { codeOf, textOf, unavailable, type ProblemCode } from './problems.ts'

/** Messages asked for at once: enough to forget the round trip, few enough for servers with a limit (RFC 9738). */
const BATCH = 200
/** Larger ones are left where they are. */
const MAX_MESSAGE_BYTES = 200 * 1024 * 1024
/** How often one `fetch` goes on over a new connection when the server drops it. */
const MAX_RECONNECTS = 3
/** The field's body, folded or not (RFC 5322 2.2.3). */
const MESSAGE_ID_FIELD = /^message-id:(.*(?:\r?\n[ \t].*)*)/im
const LOGOUT_MS = 2000
const DAY_MS = 24 * 60 * 60 * 1000

/** Said by a command that the server refused, on a connection that lives on. */
const isRefusal = (error: unknown): boolean => ['NO', 'BAD'].includes(textOf(error, 'responseStatus'))

const failure = (error: unknown, refused: ProblemCode = 'command-refused'): MailUnavailable =>
  error instanceof MailUnavailable
    ? error
    : unavailable(isRefusal(error) ? refused : (codeOf(error) ?? 'protocol-error'))

const flagsOf = (message: FetchMessageObject): string[] =>
  // \Recent belongs to a session, not to the message (RFC 3501 2.3.2): two looks would differ by it.
  [...(message.flags ?? [])].filter((flag) => flag !== '\\Recent').toSorted()

const dateOf = (message: FetchMessageObject): Date => new Date(message.internalDate ?? Number.NaN)

const fetched = (message: FetchMessageObject, raw: Buffer): FetchedMessage => {
  const at = dateOf(message)
  return {
    uid: message.uid,
    flags: flagsOf(message),
    receivedAt: (Number.isNaN(at.getTime()) ? new Date(0) : at).toISOString(),
    raw,
  }
}

/** UIDs as a sequence set, neighbours joined: 1:3,7. */
const sequence = (uids: readonly number[]): string => {
  const parts: string[] = []
  for (let start = 0, end = 0; start < uids.length; start = end + 1) {
    end = start
    while (uids[end + 1] === (uids[end] ?? 0) + 1) end += 1
    parts.push(start === end ? `${uids[start]}` : `${uids[start]}:${uids[end]}`)
  }
  return parts.join(',')
}

const batches = (uids: readonly number[]): number[][] => {
  const sorted = [...new Set(uids)].toSorted((a, b) => a - b)
  return Array.from({ length: Math.ceil(sorted.length / BATCH) }, (_, index) =>
    sorted.slice(index * BATCH, (index + 1) * BATCH),
  )
}

/** The server's answer to UID SEARCH; the library answers undefined or false instead of throwing on some failures. */
const searched = async (client: ImapFlow, query: Parameters<ImapFlow['search']>[0]): Promise<number[]> => {
  const uids = await client.search(query, { uid: true })
  if (!Array.isArray(uids)) throw unavailable(client.usable ? 'command-refused' : 'connection-lost')
  return uids.toSorted((a, b) => a - b)
}

const opened = async (client: ImapFlow, path: string): Promise<FolderState> => {
  const box = await client.mailboxOpen(path, { readOnly: true })
  // Optional in the answer to EXAMINE of old servers (RFC 3501 6.3.2), so ask again before giving up.
  const status = box.uidNext > 0 ? box : await client.status(path, { uidNext: true })
  if (status === false || status.uidNext === undefined) throw unavailable('folder-unavailable')
  return { uidValidity: String(box.uidValidity), uidNext: status.uidNext, messages: box.exists }
}

/**
 * Mailboxes over IMAP (RFC 9051, RFC 3501). Folders are opened with EXAMINE and bodies fetched with PEEK, so reading
 * leaves no trace. Every failure is MailUnavailable.
 */
export const imapConnector = (guard: EgressGuard): MailboxConnector => ({
  connect: async (login, signal) => session(guard, login, signal, await openImap(guard, login, signal)),
})

const session = (
  guard: EgressGuard,
  login: ServerLogin,
  signal: AbortSignal,
  first: ImapFlow,
): MailboxSession => {
  let client = first
  let folder: { path: string; state: FolderState } | null = null
  let reading = false

  const run = async <T>(work: (client: ImapFlow) => Promise<T>, refused?: ProblemCode): Promise<T> => {
    // A command inside the library's fetch loop would wait for ever.
    if (reading) throw new Error('A mailbox session does one thing at a time')
    try {
      return await work(client)
    } catch (error) {
      throw failure(error, refused)
    }
  }

  const reconnect = async (): Promise<void> => {
    client.close()
    client = await openImap(guard, login, signal)
    if (folder === null) return
    const state = await opened(client, folder.path)
    if (state.uidValidity !== folder.state.uidValidity) throw unavailable('folder-changed')
  }

  const rows = (uids: readonly number[], query: Parameters<ImapFlow['fetch']>[1]) =>
    client.fetch(sequence(uids), { uid: true, ...query }, { uid: true })

  async function* sources(uids: readonly number[]): AsyncGenerator<FetchedMessage> {
    const wanted: number[] = []
    for await (const row of rows(uids, { size: true })) {
      if (uids.includes(row.uid) && (row.size ?? 0) <= MAX_MESSAGE_BYTES) wanted.push(row.uid)
    }
    if (wanted.length === 0) return
    const left = new Set(wanted)
    const query = { flags: true, internalDate: true, source: true }
    for await (const row of rows(
      wanted.toSorted((a, b) => a - b),
      query,
    )) {
      if (row.source !== undefined && left.delete(row.uid)) yield fetched(row, row.source)
    }
  }

  /** One spoilt message makes servers refuse a whole batch, or hang up: then what is left of it is asked for singly. */
  async function* patiently(
    uids: readonly number[],
    budget: { reconnects: number },
  ): AsyncGenerator<FetchedMessage> {
    const left = new Set(uids)
    try {
      for await (const message of sources(uids)) {
        left.delete(message.uid)
        yield message
      }
      return
    } catch (error) {
      if (!isRefusal(error)) {
        if (budget.reconnects === 0 || signal.aborted) throw failure(error)
        budget.reconnects -= 1
        await reconnect()
      }
    }
    if (uids.length > 1) for (const uid of left) yield* patiently([uid], budget)
  }

  async function* fetch(uids: readonly number[]): AsyncGenerator<FetchedMessage> {
    if (reading) throw new Error('A mailbox session does one thing at a time')
    reading = true
    try {
      const budget = { reconnects: MAX_RECONNECTS }
      for (const batch of batches(uids)) yield* patiently(batch, budget)
    } catch (error) {
      throw failure(error)
    } finally {
      reading = false
    }
  }

  /** SINCE compares dates in the server's own zone, so a day more is asked for and the rest told by INTERNALDATE. */
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

  return {
    folders: () => run(foldersOf),

    open: (path) =>
      run(async (box) => {
        folder = null
        const state = await opened(box, path)
        folder = { path, state }
        return state
      }, 'folder-unavailable'),

    list: ({ from, since }) =>
      run(async (box) => {
        const uid = `${from}:*`
        const uids = since === null ? await searched(box, { uid }) : await arrivedSince(box, uid, since)
        // n:* names the newest message even where its UID is below n (RFC 9051 6.4.9).
        return uids.filter((found) => found >= from)
      }),

    flags: ({ from, to }) =>
      run(async (box) => {
        const found = new Map<number, string[]>()
        if (from > to) return []
        for await (const row of box.fetch(`${from}:${to}`, { uid: true, flags: true }, { uid: true })) {
          if (row.uid >= from && row.uid <= to) found.set(row.uid, flagsOf(row))
        }
        return [...found].toSorted(([a], [b]) => a - b).map(([uid, flags]) => ({ uid, flags }))
      }),

    fetch,

    findByMessageId: (messageId) =>
      run(async (box) => {
        const wanted = normaliseMessageId(messageId)
        if (wanted === '') return []
        // HEADER matches parts of a value (RFC 9051 6.4.4), so each hit is looked at.
        const hits = await searched(box, { header: { 'message-id': wanted } })
        const found: number[] = []
        for (const batch of batches(hits)) {
          const query = { uid: true, headers: ['message-id'] }
          for await (const row of box.fetch(sequence(batch), query, { uid: true })) {
            const [, value = ''] = MESSAGE_ID_FIELD.exec(row.headers?.toString('utf8') ?? '') ?? []
            if (normaliseMessageId(value) === wanted) found.push(row.uid)
          }
        }
        return found.toSorted((a, b) => a - b)
      }),

    append: (path, mime, flags, at) =>
      run(async (box) => {
        const answer = await box.append(path, mime, [...flags], at)
        if (answer === false) throw unavailable('append-refused')
        return { uid: answer.uid ?? null }
      }, 'append-refused'),

    close: async () => {
      const late = setTimeout(() => client.close(), LOGOUT_MS)
      await client.logout().catch(() => {})
      clearTimeout(late)
      client.close()
    },
  }
}
