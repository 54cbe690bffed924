import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { imapServer, smtpSink, type ImapServer, type SmtpSink } from '../lib/mail-servers/loopback.ts'
import { testTls } from '../lib/mail-servers/tls.ts'
import type { Chance } from './chance.ts'
import type { Ledger } from './ledger.ts'

/** `.test` is reserved (RFC 2606): no mail can ever leave. */
export const people = [
  // The first one's provider files a copy of what it sends into Sent, as Gmail does; the second one's does not.
  { user: 'u-ada', name: 'Ada Torres', address: 'ada@torture.test', filesCopies: true },
  { user: 'u-ben', name: 'Ben Ortiz', address: 'ben@torture.test', filesCopies: false },
] as const
export type Person = (typeof people)[number]

export const EXCLUDED = '*@spam.test'

/** An email that the SMTP server accepted, recorded on disk before it answered. */
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
  readonly ca: string
  readonly sink: SmtpSink
  readonly imap: ImapServer
  /** Password of each person by address; each one a word that occurs nowhere else. */
  readonly passwords: Readonly<Record<string, string>>
  readonly sunk: readonly Sunk[]
  readonly laid: readonly Laid[]
  /** Resolves when the next email is accepted, before its sender knows. */
  nextTaken(): Promise<void>
  close(): Promise<void>
}

const headerOf = (head: string, name: string): string =>
  new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(head)?.[1]?.trim() ?? ''

/** Mail servers on loopback over TLS that are never killed: their ledgers are the truth to check the log against. */
export const openWorld = async (ledger: Ledger, chance: Chance): Promise<World> => {
  const passwords = Object.fromEntries(
    people.map(({ address }) => [address, `canary-${chance.between(1e12, 9e12)}-${address.slice(0, 3)}`]),
  )
  const sunk: Sunk[] = []
  const laid: Laid[] = []
  const tls = await testTls()
  const imap = await imapServer({
    encryption: 'tls',
    tls: tls.good,
    users: Object.fromEntries(
      people.map(({ address }) => [
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
  let taken = Promise.withResolvers<void>()
  sink.faults.verdict = async ({ user, envelope, raw }) => {
    const at = Date.now()
    const head = raw.toString('latin1').split('\r\n\r\n', 1)[0]!
    const [outgoingId, messageId] = [headerOf(head, 'X-Mailtrail-Id'), headerOf(head, 'Message-ID')]
    // One to be retried is not accepted: nothing of it may count.
    if (verdicts.oneIn(60)) return 451
    const dropped = verdicts.oneIn(80)
    const entry = { outgoingId, messageId, user, ...envelope, at, sha256: sha256(raw), dropped }
    ledger.note({ kind: 'sunk', ...entry })
    sunk.push({ ...entry, raw })
    const person = people.find(({ address }) => address === user)
    if (person?.filesCopies) imap.mailbox(user).append('Sent', { raw, flags: ['\\Seen'] })
    taken.resolve()
    taken = Promise.withResolvers<void>()
    // The email is accepted and its sender does not know yet: a kill must sometimes hit this moment.
    await sleep(verdicts.oneIn(4) ? verdicts.between(50, 300) : verdicts.between(0, 10))
    return dropped ? 'drop' : 'accept'
  }
  return {
    ca: tls.ca,
    sink,
    imap,
    passwords,
    sunk,
    laid,
    nextTaken: () => taken.promise,
    close: async () => void (await Promise.all([sink.close(), imap.close()])),
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
