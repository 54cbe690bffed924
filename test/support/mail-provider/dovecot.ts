import { randomBytes } from 'node:crypto'
import type { ImapFlow } from 'imapflow'
import type { Test } from 'tap'
import {
  messageIdOf,
  type Content,
  type FromBehind,
  type OpenHarness,
} from '../../contracts/mail-provider-harness.ts'
import { startDovecot, type Dovecot } from '../../../scripts/lib/mail-servers/dovecot.ts'
import { fromWire, imapSmtpAccess, toWire } from './imap-smtp.ts'
import { certificates } from './certificates.ts'

const PATHS = ['INBOX', 'Sent', 'Archive']

/** By another client. `leave` signs it out: Dovecot can be made to forget UIDs only while nobody is signed in. */
const fromBehind = (
  dovecot: Dovecot,
  user: string,
): FromBehind & { make(path: string): Promise<void>; leave(): Promise<void> } => {
  let signedIn: Promise<ImapFlow> | null = null
  const asClient = async <T>(path: string, work: (client: ImapFlow) => Promise<T>): Promise<T> => {
    const client = await (signedIn ??= dovecot.login(user))
    await client.mailboxOpen(path)
    return work(client)
  }
  const find = async (client: ImapFlow, messageId: string): Promise<string> => {
    const uids = await client.search({ header: { 'message-id': `<${messageId}>` } }, { uid: true })
    if (uids === false || uids === undefined || uids[0] === undefined) throw new Error(`No ${messageId}`)
    return String(uids[0])
  }
  const uid = { uid: true }
  return {
    deliver: (path, raw, { at = new Date(), flags = [] } = {}) =>
      asClient(path, async (client) => void (await client.append(path, raw, toWire(flags), at))),
    move: (messageId, from, to) =>
      asClient(
        from,
        async (client) => void (await client.messageMove(await find(client, messageId), to, uid)),
      ),
    flag: (messageId, path, flags) =>
      asClient(path, async (client) => {
        await client.messageFlagsSet(await find(client, messageId), toWire(flags), uid)
      }),
    remove: (messageId, path) =>
      asClient(path, async (client) => void (await client.messageDelete(await find(client, messageId), uid))),
    removeFolder: (path) => asClient('INBOX', async (client) => void (await client.mailboxDelete(path))),
    raw: (messageId, path) =>
      asClient(path, async (client) => {
        const found = await client.fetchOne(await find(client, messageId), { source: true }, uid)
        return (found && found.source) || Buffer.alloc(0)
      }),
    make: (path) => asClient('INBOX', async (client) => void (await client.mailboxCreate(path))),
    leave: async () => {
      await (await signedIn)?.logout()
      signedIn = null
    },
    contents: async () => {
      const all: Content[] = []
      for (const folder of PATHS)
        await asClient(folder, async (client) => {
          if (client.mailbox === false || client.mailbox.exists === 0) return
          for await (const { source, flags } of client.fetch('1:*', { source: true, flags: true }))
            all.push({
              folder,
              messageId: messageIdOf(source ?? Buffer.alloc(0)),
              flags: fromWire(flags ?? []),
            })
        })
      return all
    },
  }
}

/** Dovecot with smtp-server for sending; one Dovecot, and a user of it for each mailbox. */
export const dovecotHarness = async (
  t: Test,
  {
    mailboxes,
    imapHost = 'localhost',
    ...more
  }: { mailboxes: number; imapHost?: string; extensions?: readonly string[] },
): Promise<OpenHarness> => {
  const names = Array.from({ length: mailboxes }, (_, index) => `ann${index}`)
  const users = Object.fromEntries(names.map((name) => [name, `secret-${randomBytes(9).toString('hex')}`]))
  const tls = { ...certificates, good: await certificates.certify(['localhost', imapHost]) }
  const dovecot = await startDovecot(t, { tls, users, ...more })
  return async (t) => {
    const user = names.pop()
    if (user === undefined) throw new Error('There are no mailboxes left')
    const mailbox = fromBehind(dovecot, user)
    t.teardown(() => mailbox.leave())
    await mailbox.make('Work')
    await mailbox.make('Trash')
    return {
      ...(await imapSmtpAccess(t, { imapPort: dovecot.imapPort, imapHost, user, password: users[user]! })),
      address: `${user}@example.test`,
      folders: { inbox: 'INBOX', sent: 'Sent', archive: 'Archive', own: 'Work' },
      mailbox,
      loseCursors: async () => {
        await mailbox.leave()
        for (const path of PATHS) dovecot.forgetUids(user, path)
      },
      withhold: null,
      refusals: [],
    }
  }
}
