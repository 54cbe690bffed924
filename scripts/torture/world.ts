import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { trustAlso } from '../../src/adapters/network/authorities.ts'
import { imapServer, smtpSink, type ImapServer, type SmtpSink } from '../lib/mail-servers/loopback.ts'
import { testTls } from '../lib/mail-servers/tls.ts'
import type { Chance } from './chance.ts'
import type { Ledger } from './ledger.ts'
import type { Provider } from './options.ts'
import { openProviders, type Take } from './world-providers.ts'

/** `.test` is reserved (RFC 2606): no mail can ever leave. */
const everybody = [
  // The first one's provider files a copy of what it sends into Sent, as Gmail does; the second one's does not.
  {
    user: 'u-ada',
    name: 'Ada Torres',
    address: 'ada@torture.test',
    provider: 'imap-smtp',
    filesCopies: true,
  },
  {
    user: 'u-ben',
    name: 'Ben Ortiz',
    address: 'ben@torture.test',
    provider: 'imap-smtp',
    filesCopies: false,
  },
  { user: 'u-gil', name: 'Gil Perez', address: 'gil@gmail.test', provider: 'gmail', filesCopies: true },
  { user: 'u-ola', name: 'Ola Nyberg', address: 'ola@outlook.test', provider: 'outlook', filesCopies: true },
] as const
export type Person = (typeof everybody)[number]

export const EXCLUDED = '*@spam.test'

/** An email that the SMTP server, Gmail or Outlook accepted, recorded on disk before it answered. */
export type Sunk = {
  readonly outgoingId: string
  readonly messageId: string
  readonly user: string
  readonly from: string
  readonly recipients: readonly string[]
  /** Milliseconds since the epoch, when its last byte arrived. */
  readonly at: number
  readonly sha256: string
  /** Accepted, but the connection was cut instead of answering. */
  readonly dropped: boolean
  readonly raw: Buffer
}

/** A mail put into a mailbox, by anybody, recorded on disk before it was there. */
type Laid = {
  readonly user: string
  readonly folder: string
  readonly uid: number
  readonly at: number
}

export type World = {
  readonly people: readonly Person[]
  readonly ca: string
  readonly sink: SmtpSink
  readonly imap: ImapServer
  /** Whoever has an IMAP mailbox. */
  readonly onImap: readonly Person[]
  /** Settings of a service that knows Google and Microsoft. */
  readonly env: Readonly<Record<string, string>>
  /** What lies among the sent emails of somebody, and among the drafts of somebody who signed in. */
  sentAt(address: string): Buffer[]
  draftsAt(address: string): Buffer[]
  /** What opens the mailboxes of those who signed in. */
  tokens(): string[]
  /** Password of each person on IMAP by address; each one a word that occurs nowhere else. */
  readonly passwords: Readonly<Record<string, string>>
  readonly sunk: readonly Sunk[]
  readonly laid: readonly Laid[]
  /** Resolves when the next email has been released, or accepted before its sender knows. */
  nextMoment(): Promise<void>
  close(): Promise<void>
}

const headerOf = (head: string, name: string): string =>
  new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(head)?.[1]?.trim() ?? ''

/** Mail servers on loopback over TLS that are never killed: their ledgers are the truth to check the log against. */
export const openWorld = async ({
  ledger,
  chance,
  providers: wanted,
  redirectUri,
}: {
  readonly ledger: Ledger
  readonly chance: Chance
  readonly providers: readonly Provider[]
  /** Where those who sign in are sent back to. */
  readonly redirectUri: () => string
}): Promise<World> => {
  const people = everybody.filter(({ provider }) => wanted.includes(provider))
  const onImap = people.filter(({ provider }) => provider === 'imap-smtp')
  const passwords = Object.fromEntries(
    onImap.map(({ address }) => [address, `canary-${chance.between(1e12, 9e12)}-${address.slice(0, 3)}`]),
  )
  const sunk: Sunk[] = []
  const laid: Laid[] = []
  const tls = await testTls()
  const imap = await imapServer({
    encryption: 'tls',
    tls: tls.good,
    users: Object.fromEntries(
      onImap.map(({ address }) => [
        address,
        { password: passwords[address]!, folders: [{ path: 'INBOX' }, { path: 'Sent', use: '\\Sent' }] },
      ]),
    ),
    onAppend: (user, { folder, uid, raw }) => {
      const at = Date.now()
      ledger.note({ kind: 'laid', user, folder, uid, at, sha256: sha256(Buffer.from(raw, 'latin1')) })
      laid.push({ user, folder, uid, at })
    },
  })
  const sink = await smtpSink({ encryption: 'starttls', tls: tls.good, users: passwords })
  const verdicts = chance.branch('verdicts')
  let moment = Promise.withResolvers<void>()
  const strikeNow = () => {
    moment.resolve()
    moment = Promise.withResolvers<void>()
  }
  const take = async ({ user, raw, ...envelope }: Parameters<Take>[0]): Promise<boolean> => {
    const at = Date.now()
    const head = raw.toString('latin1').split('\r\n\r\n', 1)[0]!
    const [outgoingId, messageId] = [headerOf(head, 'X-Mailtrail-Id'), headerOf(head, 'Message-ID')]
    const dropped = verdicts.oneIn(80)
    const entry = { outgoingId, messageId, user, ...envelope, at, sha256: sha256(raw), dropped }
    ledger.note({ kind: 'sunk', ...entry })
    sunk.push({ ...entry, raw })
    strikeNow()
    // The email is accepted and its sender does not know yet: a kill must sometimes hit this moment.
    await sleep(verdicts.oneIn(4) ? verdicts.between(50, 300) : verdicts.between(0, 10))
    return dropped
  }
  sink.faults.verdict = async ({ user, envelope, raw }) => {
    // One to be retried is not accepted: nothing of it may count.
    if (verdicts.oneIn(60)) return 451
    const taking = take({ user, ...envelope, raw })
    if (onImap.some(({ address, filesCopies }) => address === user && filesCopies))
      imap.mailbox(user).append('Sent', { raw, flags: ['\\Seen'] })
    return (await taking) ? 'drop' : 'accept'
  }
  // The browsers that sign in are in this process.
  trustAlso([tls.ca])
  const providers = await openProviders({
    people,
    tls,
    redirectUri,
    chance: chance.branch('providers'),
    take: async (mail) => ((await take(mail)) ? 'lost' : 'answered'),
    released: strikeNow,
  })
  return {
    people,
    onImap,
    env: providers.env,
    sentAt: (address) =>
      onImap.some((person) => person.address === address)
        ? imap
            .mailbox(address)
            .messages('Sent')
            .map(({ raw }) => raw)
        : providers.sentAt(address),
    draftsAt: providers.draftsAt,
    tokens: providers.tokens,
    ca: tls.ca,
    sink,
    imap,
    passwords,
    sunk,
    laid,
    nextMoment: () => moment.promise,
    close: async () => void (await Promise.all([sink, imap, providers].map((server) => server.close()))),
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
