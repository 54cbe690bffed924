import { Readable } from 'node:stream'
import { imapServer } from '../../scripts/lib/mail-servers/loopback.ts'
import type { SeedFolder, SeedMessage } from '../../scripts/lib/mail-servers/imap-mailboxes.ts'
import { egressGuard } from '../../src/adapters/network/egress-guard.ts'
import { imapSmtpProvider } from '../../src/adapters/imap-smtp/provider.ts'
import { memoryBlobStore } from './memory-blob-store.ts'
import { memoryEventStore } from './memory-event-store.ts'
import { memoryMessageTexts } from './memory-message-texts.ts'
import { mailParser } from '../../src/adapters/mime/parse-pool.ts'
import { handler, loader, newCommandId, type Caller } from '../../src/commands/handle.ts'
import type { BlobStore } from '../../src/commands/ports/blobs.ts'
import { Secret } from '../../src/commands/ports/credentials.ts'
import type { EventStore } from '../../src/commands/ports/event-log.ts'
import type { Lease, Leases } from '../../src/commands/ports/leases.ts'
import type { ChangeSet, OpenMailbox } from '../../src/commands/ports/mail-provider.ts'
import type { MailParser } from '../../src/commands/ports/parser.ts'
import type { FindOutgoing, KnownMail, SyncDeps } from '../../src/commands/sync/ports.ts'
import { runSync, type SyncRunResult } from '../../src/commands/sync/run-sync.ts'
import { account, accountStream } from '../../src/domain/accounts/account.ts'
import type { AccountSettings } from '../../src/domain/accounts/events.ts'
import type { RecordedEvent } from '../../src/domain/event.ts'
import type { FolderCounts, Placement } from '../../src/domain/sync/events.ts'
import { accessTo } from './imap-smtp.ts'
import type { SyncTrigger } from '../../src/domain/sync/sync-run.ts'
import { placements, type KnownPlacement } from '../../src/projections/sync/placements.ts'
import { foldEvents } from './fold-events.ts'
import { readFrom } from './log-events.ts'
import { accountId, connected } from './example-sync-events.ts'

const user = 'me@acme.test'
const password = 'correct horse'

export const callerNow = (): Caller => {
  const commandId = newCommandId(new Date())
  return { actor: { kind: 'system', id: 'test' }, commandId, correlationId: commandId, causationId: null }
}

export const numbers = (count: number, from = 1): number[] =>
  Array.from({ length: count }, (_, nth) => from + nth)

/** A mail with these headers, of `n` if nothing else is said. */
export const mail = (
  n: number | string,
  headers: Record<string, string> = {},
  body = `body ${n}`,
): SeedMessage => {
  const all = {
    From: `Sender ${n} <sender${n}@x.test>`,
    To: user,
    Date: 'Mon, 05 Jan 2026 12:00:00 +0000',
    'Message-ID': `<${n}@x.test>`,
    Subject: `subject ${n}`,
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return { raw: Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}\r\n`) }
}

/** One that no parser takes: its header is larger than any limit. */
export const hostileMail = (n: number): SeedMessage => mail(n, { 'X-Flood': 'a'.repeat(300_000) })

const memoryLeases = (): Leases & { held: Map<string, AbortController> } => {
  const held = new Map<string, AbortController>()
  const acquire = async (name: string): Promise<Lease | null> => {
    if (held.has(name)) return null
    const lost = new AbortController()
    held.set(name, lost)
    return { name, generation: 1, signal: lost.signal, release: async () => void held.delete(name) }
  }
  return { held, acquire }
}

/** What the log says of where mail lies, folded anew for each question. */
const knownFromLog = (store: EventStore): KnownMail => {
  const folded = async () => foldEvents(placements, await readFrom(store, null, 1000))
  const rows = async (of: string, folder: string): Promise<KnownPlacement[]> => {
    return (await folded()).placement
      .filter((row) => row.account_id === of && row.folder === folder)
      .map(({ ref, message_id: messageId, flags, quarantined }) => ({ ref, messageId, flags, quarantined }))
  }
  return {
    among: async (of, folder, refs) => (await rows(of, folder)).filter(({ ref }) => refs.includes(ref)),
    page: async (of, folder, below, limit) =>
      (await rows(of, folder))
        .filter(({ ref }) => below === null || ref < below)
        .toSorted((a, b) => (a.ref < b.ref ? 1 : -1))
        .slice(0, limit),
    isDeleted: async (id) => (await folded()).deleted.some(({ message_id }) => message_id === id),
    catchUp: async () => true,
  }
}

type RigParts = {
  readonly store: EventStore
  readonly blobs: BlobStore
  readonly leases: Leases
  readonly known: KnownMail
}

export type RigOptions = {
  readonly inbox?: readonly SeedMessage[]
  readonly sent?: readonly SeedMessage[]
  /** Beside INBOX, Sent and Archive. */
  readonly folders?: readonly SeedFolder[]
  readonly settings?: Partial<AccountSettings>
  readonly parts?: RigParts
  readonly findOutgoing?: FindOutgoing
}

let shared: MailParser | undefined

/** A mailbox on a real IMAP server, an account that syncs it, and the log that the runs write. */
export const syncRig = async (
  t: { teardown(fn: () => unknown): void },
  { inbox = [], sent = [], folders = [], settings = {}, ...options }: RigOptions = {},
) => {
  const server = await imapServer({
    encryption: 'none',
    users: {
      [user]: {
        password,
        folders: [
          { path: 'INBOX', messages: inbox },
          { path: 'Sent', use: '\\Sent', messages: sent },
          { path: 'Archive', use: '\\Archive' },
          ...folders,
        ],
      },
    },
  })
  t.teardown(() => server.close())
  if (!shared) {
    shared = mailParser({ threads: 1 })
    process.once('beforeExit', () => void shared?.close())
  }
  const parser = shared
  const store = options.parts?.store ?? memoryEventStore()
  const leases = options.parts?.leases ?? memoryLeases()
  let shiftMs = 0
  const clock = () => new Date(Date.now() + shiftMs)
  const handle = handler(store, clock)
  const load = loader(store)
  const guard = egressGuard({
    allowedNetworks: ['127.0.0.0/8', '::1/128'],
    allowedPorts: [server.port],
    clearTextHosts: ['localhost'],
    extraCa: [],
  })
  const login = { host: 'localhost', port: server.port, encryption: 'none' as const, username: user }
  const provider = imapSmtpProvider(guard)
  t.teardown(() => provider.close())
  const access = accessTo({ imap: { ...login, password: new Secret(password) } })
  const faults: unknown[] = []
  const deps: SyncDeps = {
    store,
    handle,
    load,
    leases,
    parser,
    clock,
    blobs: options.parts?.blobs ?? memoryBlobStore(),
    texts: memoryMessageTexts(),
    known: options.parts?.known ?? knownFromLog(store),
    contacts: { isAmong: async () => false, catchUp: async () => true },
    findOutgoing: options.findOutgoing ?? (async () => null),
    lastRun: async () => 0,
    leftOut: async () => [],
    hasHint: () => false,
    onFault: (error) => void faults.push(error),
    findAccount: async (id) => {
      const { state } = await load(account, `account-${id}`)
      if (state.status === 'none') return null
      return {
        ...state,
        active: state.status === 'active',
        disconnected: state.status === 'disconnected',
      }
    },
    openMailbox: async (id, signal) => {
      const { state } = await load(account, accountStream(id))
      return provider.open(access, state.status === 'none' ? {} : state.settings.folderRoles, signal)
    },
  }
  const { data } = connected({ historyDays: null, ...settings })
  const command = { by: null, do: 'connect', ...data } as const
  await handle(account, accountStream(data.accountId), command, callerNow())

  const run = (signal = new AbortController().signal, trigger: SyncTrigger = 'schedule', more = {}) =>
    runSync({ ...deps, ...more })(callerNow(), { accountId, trigger }, signal)
  const events = () => readFrom(store, null, 1000)
  return {
    server,
    mailbox: server.mailbox(user),
    deps,
    store,
    run,
    /** Commands on another store than the rig's own. */
    handleOn: (other: EventStore) => handler(other, clock),
    /** Makes it later, for what depends on how long ago something was. */
    later: (minutes: number) => void (shiftMs += minutes * 60_000),
    provider,
    access,
    /** What the log says of where mail lies: folder, UID, hash of the raw form, flags. */
    whatLies: async () => whatLies(await events()),
    events,
    /** What runs got over. */
    faults,
    eventsOf: async (...types: string[]) => (await events()).filter(({ type }) => types.includes(type)),
    /** The figures of one run, all folders and sets of changes together. */
    countsOf: async (number: number) => sumOf(await events(), number),
  }
}

/** The UID in a reference of SMTP and IMAP. */
export const uidOf = (ref: string): number => Number(ref.split('.')[1])

const whatLies = async (events: readonly RecordedEvent[]): Promise<string[]> => {
  const rawOf = new Map<string, string>()
  for (const { type, data } of events) {
    const { messageId, raw } = data as { messageId: string; raw: string }
    if (['MessageSynced', 'MessageDraftSynced', 'MessageQuarantined'].includes(type))
      rawOf.set(messageId, raw)
  }
  const { placement } = await foldEvents(placements, events)
  return placement.map(
    (row) => `${row.folder} ${uidOf(row.ref)} ${rawOf.get(row.message_id)} ${row.flags.join()}`,
  )
}

export type Rig = Awaited<ReturnType<typeof syncRig>>

/** The rig's mailbox, except that it reports exactly these changes. */
export const telling =
  (rig: Rig, ...sets: ChangeSet[]): OpenMailbox =>
  async (id, signal) => {
    const session = await rig.deps.openMailbox(id, signal)
    return session && { ...session, changes: () => Readable.from(sets) as AsyncIterable<ChangeSet> }
  }

export const placeIn = (folder: 'INBOX' | 'Archive', ref: string): Placement => ({
  folder,
  role: folder === 'INBOX' ? 'inbox' : 'archive',
  ref,
})

const sumOf = (events: readonly RecordedEvent[], number: number): Omit<FolderCounts, 'folder'> => {
  const sum = {
    listed: 0,
    stored: 0,
    known: 0,
    excluded: 0,
    failed: 0,
    flagsChanged: 0,
    removed: 0,
    sent: 0,
    received: 0,
    drafts: 0,
  }
  for (const { type, data } of events) {
    if (type !== 'ChangesSynced') continue
    const { number: of, folders } = data as { number: number; folders: FolderCounts[] }
    for (const counts of of === number ? folders : [])
      for (const figure of Object.keys(sum) as (keyof typeof sum)[]) sum[figure] += counts[figure]
  }
  return sum
}

export const outcomeOf = (result: SyncRunResult): string =>
  result.kind === 'done' ? result.outcome : result.kind
