import type { Test } from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { startDovecot, type Dovecot, type TokenLogins } from '../../scripts/lib/mail-servers/dovecot.ts'
import { smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { startPostfix } from '../../scripts/lib/mail-servers/postfix.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { syncing } from './awaited-sync-runs.ts'
import { mailIn } from './mail-in-folder.ts'
import { listedMessages, upToNow } from './mailbox-comparison.ts'
import { startApp, type AppOverrides, type TestApp } from './running-app.ts'

/** An email as the outbox shows it. */
export type Email = {
  readonly id: string
  readonly state: string
  readonly code: string | null
  readonly remedy: string | null
  readonly messageId: string
  readonly copy: string | null
  readonly tracking: { readonly opens: boolean; readonly clicks: boolean; readonly reason: string }
}
/** A message as the API shows it by itself. */
type Message = {
  readonly id: string
  readonly direction: string
  readonly subject: string
  readonly from: { readonly address: string }[]
  readonly automatic: string | null
  readonly threadId: string
  readonly defects: readonly string[]
  readonly attachmentCount: number
  readonly attachments: { readonly index: number; readonly name: string | null; readonly inline: boolean }[]
}

type Users = readonly string[]

/**
 * The whole service over real servers: mailboxes of a Dovecot, and an SMTP server that keeps what it is given. They end
 * with `t`.
 */
export const mailboxesOnDovecot = async (
  t: Test,
  users: Users,
  { quotaKilobytes, ...overrides }: AppOverrides & { quotaKilobytes?: number } = {},
) => {
  const { tls, passwords, dovecot } = await startMailboxes(t, users, { quotaKilobytes })
  const sink = await smtpSink({ encryption: 'starttls', tls: tls.good, users: passwords })
  t.teardown(() => sink.close())
  const app = await startApp(t, { ca: tls.ca, ports: [dovecot.imapPort, sink.port], ...overrides })
  return { app, sink, dovecot, connect: connector({ app, dovecot, smtpPort: sink.port, passwords }) }
}

/** The same over a Postfix, which delivers what is sent to these mailboxes and to no others. */
export const mailboxesBehindPostfix = async (
  t: Test,
  users: Users,
  { tokens, ...overrides }: AppOverrides & { tokens?: TokenLogins } = {},
) => {
  const { tls, passwords, dovecot } = await startMailboxes(t, users, { tokens })
  const domains = [...new Set(users.map((user) => user.split('@')[1]!))]
  const postfix = await startPostfix(t, { tls, dovecot, domains })
  const app = await startApp(t, { ca: tls.ca, ports: [dovecot.imapPort, postfix.port], ...overrides })
  const connect = connector({ app, dovecot, smtpPort: postfix.port, passwords })
  return { app, postfix, dovecot, tls, passwords, connect }
}

type Having = { readonly tokens?: TokenLogins | undefined; readonly quotaKilobytes?: number | undefined }

const startMailboxes = async (t: Test, users: Users, { tokens, quotaKilobytes }: Having) => {
  const tls = await testTls()
  const passwords = Object.fromEntries(users.map((user) => [user, `secret of ${user}`]))
  return {
    tls,
    passwords,
    dovecot: await startDovecot(t, {
      tls,
      users: passwords,
      ...(tokens && { tokens }),
      ...(quotaKilobytes && { quotaKilobytes }),
    }),
  }
}

type Servers = {
  readonly app: TestApp
  readonly dovecot: Dovecot
  readonly smtpPort: number
  readonly passwords: Readonly<Record<string, string>>
}

/** Connects the mailbox of a user, with their password unless something else is given, and waits for its first sync. */
const connector =
  ({ app, dovecot, smtpPort, passwords }: Servers) =>
  async (address: string, settings: object = {}, secret: object = { password: passwords[address] }) => {
    const { client } = app
    const login = { host: 'localhost', username: address, ...secret }
    const connected = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
      address,
      owner: { kind: 'team' },
      connection: {
        provider: 'imap-smtp',
        smtp: { ...login, port: smtpPort, encryption: 'starttls' },
        imap: { ...login, port: dovecot.imapPort, encryption: 'tls' },
      },
      settings: { syncFrequencyMinutes: 60, ...settings },
    })
    const account = connected.body.id
    const sync = syncing(client, account, connected.position)
    await sync.after(0)
    return { account, address, sync, ...sendingOf(app, account), ...mailOf(app, dovecot, account, address) }
  }

export type MailboxOnDovecot = Awaited<ReturnType<ReturnType<typeof connector>>>

const sendingOf = ({ client }: TestApp, account: string) => {
  const email = (id: string) => client.get<Email>(`/v1/outbox/${id}`)
  return {
    email,
    queue: async (written: object, when: object = { undoSeconds: 0 }): Promise<string> => {
      const { body, position } = await client.send<{ id: string }>('POST', '/v1/outbox', {
        email: { accountId: account, ...written },
        ...when,
      })
      await client.get(`/v1/outbox/${body.id}?min_position=${position}`)
      return body.id
    },
    /** The email, once it is at this state. */
    once: (id: string, wanted: string): Promise<Email> =>
      until(
        `${id} is ${wanted}`,
        () => email(id),
        ({ state }) => state === wanted,
      ),
    /** The email, once it is known what became of its copy in the Sent folder. */
    onceFiled: (id: string): Promise<Email> =>
      until(
        `The copy of ${id}`,
        () => email(id),
        ({ copy }) => copy !== null,
      ),
  }
}

const mailOf = (app: TestApp, dovecot: Dovecot, account: string, address: string) => ({
  /** Puts a mail into the mailbox, as another client does. */
  put: async (raw: Buffer, folder = 'INBOX'): Promise<void> => {
    const session = await dovecot.login(address)
    try {
      await session.append(folder, raw)
    } finally {
      await session.logout()
    }
  },
  mailIn: (folder: string, count: number) => mailIn(dovecot, address, folder, count),
  /** All messages that are known by now, each with its bytes. */
  messages: async (): Promise<(Message & { readonly raw: Buffer })[]> => {
    const listed = await listedMessages(app.client, account)
    const upTo = await upToNow(app.client)
    return Promise.all(
      listed.map(async ({ id }) => ({
        ...(await app.client.get<Message>(`/v1/messages/${id}?${upTo}`)),
        raw: (await app.ask('GET', `/v1/messages/${id}/raw`)).bytes,
      })),
    )
  },
})
