import type { Test } from 'tap'
import {
  imapServer,
  smtpSink,
  type ImapServer,
  type SmtpSink,
} from '../../scripts/lib/mail-servers/loopback.ts'
import { rightsOfOwner } from '../../src/domain/accounts/access-rights.ts'
import { egressGuard } from '../../src/adapters/network/egress-guard.ts'
import { imapSmtpProvider } from '../../src/adapters/imap-smtp/provider.ts'
import { memoryBlobStore } from './memory-blob-store.ts'
import { memoryEventStore } from './memory-event-store.ts'
import { memoryMessageTexts } from './memory-message-texts.ts'
import { mailParser } from '../../src/adapters/mime/parse-pool.ts'
import { composeMail } from '../../src/adapters/mime/compose.ts'
import { trackingOfMail } from '../../src/adapters/tracking/mail-tracker.ts'
import { handler, loader, newCommandId, type Caller } from '../../src/commands/handle.ts'
import type { BlobStore } from '../../src/commands/ports/blobs.ts'
import { Secret } from '../../src/commands/ports/credentials.ts'
import type { EventStore } from '../../src/commands/ports/event-log.ts'
import type { DirectoryLookup, SendingAccount } from '../../src/commands/sending/ports.ts'
import { queueEmail, type QueueEmail } from '../../src/commands/sending/queue-email.ts'
import type { DraftInput } from '../../src/commands/sending/resolve-reply.ts'
import { sendEmail } from '../../src/commands/sending/send-email.ts'
import { defaultSettings } from '../../src/domain/accounts/events.ts'
import { accountPaused } from '../../src/domain/accounts/refusals.ts'
import { NotFound } from '../../src/domain/decider.ts'
import type { Contact, Deal, User } from '../../src/domain/directory/events.ts'
import { assemble, type Writing } from '../../src/domain/sending/assemble.ts'
import { outgoingEmail, outgoingStream } from '../../src/domain/sending/outgoing-email.ts'
import type { ReplyParent } from '../../src/domain/sending/reply.ts'
import { nothingVisible } from '../../src/domain/visibility.ts'
import { exampleDraft, idOf } from './example-emails.ts'

export const never = new AbortController().signal
export const trackingUrl = 'https://track.acme.test'
const password = new Secret('correct horse')

/** Runs until the condition holds; fails loudly when it does not in time. */
export const until = async (condition: () => unknown, what: string, ms = 120_000): Promise<void> => {
  const deadline = performance.now() + ms
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not in time: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export type World = Awaited<ReturnType<typeof sendingWorld>>

/**
 * An account with real servers on loopback, a log, and the commands of sending over them. Time stands at `time.now`
 * until the test moves it, unless it is to be real.
 */
export const sendingWorld = async (
  t: Test,
  parts: { store?: EventStore; blobs?: BlobStore; realTime?: boolean; withImap?: boolean } = {},
) => {
  const sink = await smtpSink({ encryption: 'none' })
  const imap = parts.withImap
    ? await imapServer({
        encryption: 'none',
        users: { me: { password: password.reveal(), folders: [{ path: 'Sent', use: '\\Sent' }] } },
      })
    : null
  const guard = egressGuard({
    allowedNetworks: ['127.0.0.0/8', '::1/128'],
    allowedPorts: [sink.port, ...(imap ? [imap.port] : [])],
    clearTextHosts: ['localhost'],
    extraCa: [],
  })
  const provider = imapSmtpProvider(guard)
  const tracking = trackingOfMail([{ id: 0, key: new Uint8Array(32) }], trackingUrl)
  const parser = mailParser()
  t.teardown(async () => {
    await provider.close()
    await tracking.close()
    await parser.close()
    await sink.close()
    await imap?.close()
  })
  const store = parts.store ?? memoryEventStore()
  const blobs = parts.blobs ?? memoryBlobStore()
  const time = { now: Date.UTC(2026, 0, 5, 12) }
  const clock = () => (parts.realTime ? new Date() : new Date(time.now))
  const account: { now: SendingAccount } = { now: exampleAccount(sink, imap) }
  const credentials = { smtpPassword: password, imapPassword: password }
  const records = {
    users: new Map<string, User>([['u1', { name: 'John Smith', title: 'Sales', phone: '555' }]]),
    contacts: new Map<string, Contact>([
      ['c1', { firstName: 'Ann', lastName: 'Lee', emails: ['ann@client.test'] }],
    ]),
    deals: new Map<string, Deal>([['d1', { name: 'Big deal' }]]),
    messages: new Map<string, ReplyParent>(),
    templates: new Map<string, { subject: string; html: string }>(),
  }
  const load = loader(store)
  const needs = {
    handle: handler(store, clock),
    load,
    clock,
    chance: () => 0.5,
    blobs,
    parser,
    texts: memoryMessageTexts(),
    compose: composeMail,
    assemble: (writing: Writing) => Promise.resolve(assemble(writing)),
    providerOf: () => provider,
    vault: {
      store: () => Promise.resolve({ version: 1 }),
      load: () => Promise.resolve(credentials),
      destroy: () => Promise.resolve(),
      renew: () => Promise.resolve(credentials),
    },
    tracker: tracking.tracker,
    untrack: tracking.untrack,
    findAccount: (id: string) => Promise.resolve(id === account.now.accountId ? account.now : null),
    activeAccount: (id: string) => {
      if (id !== account.now.accountId) throw new NotFound('email account', id)
      if (account.now.status !== 'active') throw accountPaused()
      return Promise.resolve(account.now)
    },
    defaultAccount: () => Promise.resolve(null),
    // No mail of these accounts is in a conversation.
    reserveReply: async () => {},
    visibilityOf: async () => 'nothing' as const,
    directory: lookup(records),
    findTemplate: ({ templateId }: { templateId: string }) =>
      Promise.resolve(records.templates.get(templateId) ?? null),
    findMessage: (id: string) => Promise.resolve(records.messages.get(id) ?? null),
    openMailbox: (_accountId: string, signal: AbortSignal) =>
      imap && account.now.connection['imap'] !== null
        ? provider.open({ connection: account.now.connection, credentials }, {}, signal)
        : Promise.resolve(null),
  }
  const caller = (id = 'test'): Caller => {
    const commandId = newCommandId(clock())
    return { actor: { kind: 'system', id }, commandId, correlationId: commandId, causationId: null }
  }
  const input = (changes: Partial<DraftInput> = {}): DraftInput => {
    const { userId: _, ...draft } = exampleDraft()
    return { ...draft, ...changes }
  }
  const queue = async (changes: Partial<DraftInput> = {}, when: Partial<QueueEmail> = {}) => {
    const content = { email: input(changes) }
    const asked = { content, scheduledAt: null, undoSeconds: 0, ...when }
    return (await queueEmail(needs)(caller(), asked, null)).outgoingId
  }
  return {
    t,
    sink,
    imap,
    store,
    blobs,
    time,
    clock,
    account,
    records,
    needs,
    provider,
    caller,
    input,
    queue,
    send: (id: string, signal = never) => sendEmail(needs)(caller('sender'), id, signal),
    state: async (id: string) => (await load(outgoingEmail, outgoingStream(id))).state,
    events: async (id: string) => store.readStream(outgoingStream(id)),
    types: async (id: string) => (await store.readStream(outgoingStream(id))).map(({ type }) => type),
  }
}

const exampleAccount = (sink: SmtpSink, imap: ImapServer | null): SendingAccount => ({
  status: 'active',
  accountId: idOf('acc', 1),
  address: 'me@acme.test',
  ...rightsOfOwner({ kind: 'team' }),
  connection: {
    provider: 'imap-smtp',
    smtp: { host: 'localhost', port: sink.port, encryption: 'none', username: 'me' },
    imap: imap && { host: 'localhost', port: imap.port, encryption: 'none', username: 'me' },
  },
  sends: true,
  credentialVersion: 1,
  settings: { ...defaultSettings, trackOpens: false, trackClicks: false },
  signature: '',
})

const lookup = (records: {
  users: Map<string, User>
  contacts: Map<string, Contact>
  deals: Map<string, Deal>
}): DirectoryLookup => {
  const get =
    <Value>(of: Map<string, Value>) =>
    (id: string) =>
      Promise.resolve(of.get(id) ?? null)
  return {
    user: get(records.users),
    contact: get(records.contacts),
    deal: get(records.deals),
    company: () => Promise.resolve(null),
    organization: () => Promise.resolve({ name: 'Acme', timeZone: 'UTC', ...nothingVisible }),
    contactsOfAddress: (address) =>
      Promise.resolve(
        [...records.contacts].flatMap(([id, { emails }]) => (emails.includes(address) ? [id] : [])),
      ),
    optedOutAmong: (addresses) =>
      Promise.resolve(
        [...records.contacts].flatMap(([id, { emails, optOut }]) =>
          optOut && emails.some((each) => addresses.includes(each)) ? [id] : [],
        ),
      ),
  }
}
