import type { Test } from 'tap'
import { startDovecot, type Dovecot } from '../../scripts/lib/mail-servers/dovecot.ts'
import { smtpSink, type SmtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { until } from '../../scripts/lib/client.ts'
import { syncing } from './awaited-sync-runs.ts'
import { listedMessages, upToNow } from './mailbox-comparison.ts'
import { startApp, type AppOverrides, type TestApp } from './running-app.ts'

/** An email as the outbox shows it. */
export type Sent = {
  readonly id: string
  readonly state: string
  readonly code: string | null
  readonly messageId: string
  readonly copy: string | null
  readonly tracking: { readonly opens: boolean; readonly clicks: boolean; readonly reason: string }
}
/** A message as the API shows it by itself. */
export type Message = {
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

/**
 * The whole service over real servers: mailboxes of a Dovecot, and an SMTP server that keeps what it is given. They end
 * with `t`.
 */
export const mailboxesOnDovecot = async (t: Test, users: readonly string[], overrides: AppOverrides = {}) => {
  const tls = await testTls()
  const passwords = Object.fromEntries(users.map((user) => [user, `secret of ${user}`]))
  const dovecot = await startDovecot(t, { tls, users: passwords })
  const sink = await smtpSink({ encryption: 'starttls', tls: tls.good, users: passwords })
  t.teardown(() => sink.close())
  const app = await startApp(t, { ca: tls.ca, ports: [dovecot.imapPort, sink.port], ...overrides })
  return {
    app,
    sink,
    dovecot,
    connect: (user: string, settings: object = {}) =>
      connect({ app, sink, dovecot }, { username: user, password: passwords[user] }, settings),
  }
}

type Servers = { readonly app: TestApp; readonly sink: SmtpSink; readonly dovecot: Dovecot }

const connect = async (
  { app, sink, dovecot }: Servers,
  login: { username: string; password: string | undefined },
  settings: object,
) => {
  const { client } = app
  const address = login.username
  const connected = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
    address,
    owner: { kind: 'team' },
    connection: {
      provider: 'imap-smtp',
      smtp: { host: 'localhost', port: sink.port, encryption: 'starttls', ...login },
      imap: { host: 'localhost', port: dovecot.imapPort, encryption: 'tls', ...login },
    },
    settings: { syncFrequencyMinutes: 60, historyDays: null, ...settings },
  })
  const account = connected.body.id
  const sync = syncing(client, account, connected.position)
  await sync.after(0)
  const outbox = (id: string) => client.get<Sent>(`/v1/outbox/${id}`)
  const other = async <Value>(
    look: (client: Awaited<ReturnType<Dovecot['login']>>) => Promise<Value>,
  ): Promise<Value> => {
    const session = await dovecot.login(address)
    try {
      return await look(session)
    } finally {
      await session.logout()
    }
  }
  return {
    account,
    address,
    sync,
    outbox,
    queue: async (message: object, when: object = { undoSeconds: 0 }): Promise<string> => {
      const { body, position } = await client.send<{ id: string }>('POST', '/v1/outbox', {
        message: { accountId: account, ...message },
        ...when,
      })
      await client.get(`/v1/outbox/${body.id}?min_position=${position}`)
      return body.id
    },
    /** Waits for the state. */
    became: (id: string, ...states: string[]): Promise<Sent> =>
      until(
        `${id}: ${states.join(' or ')}`,
        () => outbox(id),
        ({ state }) => states.includes(state),
      ),
    /** Puts a mail into the mailbox as another client does. */
    put: (raw: Buffer, folder = 'INBOX') => other((session) => session.append(folder, raw)),
    /** What lies in a folder, as another client sees it. */
    lyingIn: (folder: string): Promise<Buffer[]> =>
      other(async (session) => {
        const { exists } = await session.mailboxOpen(folder, { readOnly: true })
        const found = exists === 0 ? [] : await session.fetchAll('1:*', { source: true })
        return found.map(({ source }) => source!)
      }),
    /** All messages that are known by now, each with its bytes. */
    messages: async (): Promise<(Message & { raw: Buffer })[]> => {
      const listed = await listedMessages(client, account)
      const upTo = await upToNow(client)
      return Promise.all(
        listed.map(async ({ id }) => ({
          ...(await client.get<Message>(`/v1/messages/${id}?${upTo}`)),
          raw: (await app.ask('GET', `/v1/messages/${id}/raw`)).bytes,
        })),
      )
    },
  }
}

export type MailboxOnDovecot = Awaited<ReturnType<typeof connect>>
