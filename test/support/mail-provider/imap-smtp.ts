import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { imapServer, smtpSink } from '../../../scripts/lib/mail-servers/loopback.ts'
import type { ImapMailbox } from '../../../scripts/lib/mail-servers/imap-mailboxes.ts'
import { imapSmtpProvider } from '../../../src/adapters/imap-smtp/provider.ts'
import { egressGuard } from '../../../src/adapters/network/egress-guard.ts'
import {
  messageIdOf,
  type Content,
  type FromBehind,
  type Harness,
  type OpenHarness,
} from '../../contracts/mail-provider-harness.ts'
import { cutLines } from '../../../scripts/lib/cut-lines.ts'
import { certificates } from './certificates.ts'

/** The words of the port as IMAP has them, and back. */
export const toWire = (flags: readonly string[]): string[] =>
  flags.map((flag) => `\\${flag[0]!.toUpperCase()}${flag.slice(1)}`)
export const fromWire = (flags: Iterable<string>): string[] =>
  [...flags]
    .filter((flag) => flag !== '\\Recent')
    .map((flag) => flag.slice(1).toLowerCase())
    .toSorted()

/** The provider with a mailbox on these servers, and a sink that takes what it sends. */
export const imapSmtpAccess = async (
  t: Test,
  {
    imapPort,
    imapHost = 'localhost',
    user,
    password,
  }: { imapPort: number; imapHost?: string; user: string; password: string },
) => {
  const sink = await smtpSink({ encryption: 'starttls', tls: certificates.good, users: { [user]: password } })
  t.teardown(() => sink.close())
  const lines = await cutLines(t, [{ port: imapPort }, { port: sink.port }])
  const guard = egressGuard(
    {
      allowedNetworks: ['127.0.0.0/8', '::1/128'],
      allowedPorts: lines.ports,
      clearTextHosts: [],
      extraCa: [certificates.ca],
    },
    { resolve: () => Promise.resolve(['127.0.0.1']) },
  )
  const provider = imapSmtpProvider(guard)
  t.teardown(() => provider.close())
  const [imap, smtp] = lines.ports
  const accessBy = (secret: string) =>
    provider.admit(
      {
        provider: 'imap-smtp',
        smtp: { host: 'localhost', port: smtp, encryption: 'starttls', username: user, password: secret },
        imap: { host: imapHost, port: imap, encryption: 'tls', username: user, password: secret },
      },
      null,
    )
  return {
    provider,
    access: accessBy(password),
    wrongAccess: accessBy('secret-wrong'),
    secrets: [password, 'secret-wrong'],
    address: user,
    lines,
    arrived: () => sink.messages.map(({ raw }) => raw),
    refuseRecipients: (addresses) => {
      sink.faults.recipientCodes = Object.fromEntries(addresses.map((address) => [address, 550]))
    },
    loseAnswer: (on) => (sink.faults.verdict = () => (on ? 'drop' : 'accept')),
    knows: { moves: false, fate: false, left: true, answered: true },
  } satisfies Partial<Harness>
}

const PATHS = ['INBOX', 'Sent', 'Archive']

/** Over the server's own memory: nobody needs to log in. */
const fromBehind = (mailbox: ImapMailbox): FromBehind => {
  const find = (messageId: string, path: string) => {
    const found = mailbox.messages(path).find(({ raw }) => messageIdOf(raw) === messageId)
    if (found === undefined) throw new Error(`No message ${messageId} in ${path}`)
    return found
  }
  const remove = (messageId: string, path: string) => mailbox.remove(path, find(messageId, path).uid)
  return {
    deliver: async (path, raw, { at = new Date(), flags = [] } = {}) =>
      void mailbox.append(path, { raw, at, flags: toWire(flags) }),
    move: async (messageId, from, to) => {
      const { raw, flags } = find(messageId, from)
      remove(messageId, from)
      mailbox.append(to, { raw, flags })
    },
    flag: async (messageId, path, flags) => mailbox.setFlags(path, find(messageId, path).uid, toWire(flags)),
    remove: async (messageId, path) => remove(messageId, path),
    removeFolder: async (path) => mailbox.removeFolder(path),
    raw: async (messageId, path) => find(messageId, path).raw,
    contents: async (): Promise<Content[]> =>
      PATHS.filter((path) => mailbox.has(path)).flatMap((folder) =>
        mailbox
          .messages(folder)
          .map(({ raw, flags }) => ({ folder, messageId: messageIdOf(raw), flags: fromWire(flags) })),
      ),
  }
}

/** hoodiecrow and smtp-server, in this process. */
export const imapSmtpHarness = (): OpenHarness => async (t) => {
  const user = 'ann@example.test'
  const password = `secret-${randomBytes(9).toString('hex')}`
  const server = await imapServer({
    encryption: 'tls',
    tls: certificates.good,
    users: {
      [user]: {
        password,
        folders: [
          { path: 'Sent', use: '\\Sent' },
          { path: 'Archive', use: '\\Archive' },
          { path: 'Trash', use: '\\Trash' },
          { path: 'Work' },
        ],
      },
    },
  })
  t.teardown(() => server.close())
  const mailbox = server.mailbox(user)
  const { faults } = server
  let validity = 1
  return {
    ...(await imapSmtpAccess(t, { imapPort: server.port, user, password })),
    folders: { inbox: 'INBOX', sent: 'Sent', archive: 'Archive', own: 'Work' },
    mailbox: fromBehind(mailbox),
    loseCursors: async () => {
      validity += 1
      for (const path of PATHS) mailbox.renumber(path, validity)
    },
    withhold: (messageId) => {
      const uids = PATHS.flatMap((path) => mailbox.messages(path))
        .filter(({ raw }) => messageIdOf(raw) === messageId)
        .map(({ uid }) => uid)
      faults.failUids = new Set(uids)
    },
    refusals: [
      {
        what: 'searches fail',
        kind: 'temporary',
        set: (on) => (faults.failSearch = on),
      },
      {
        what: 'asked for too much',
        kind: 'throttled',
        set: (on) => (faults.overQuota = on),
      },
    ],
  }
}
