import type { Test } from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { imapServer, smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { startApp, type AppOverrides } from './running-app.ts'

const user = 'sarah@acme.test'

/** The running service with one account on real servers, and a way to send from it. */
export const appWithMailbox = async (t: Test, overrides: AppOverrides = {}) => {
  const tls = await testTls()
  const imap = await imapServer({
    encryption: 'tls',
    tls: tls.good,
    users: { [user]: { password: 'secret', folders: [{ path: 'INBOX', messages: [] }] } },
  })
  const sink = await smtpSink({ encryption: 'starttls', tls: tls.good, users: { [user]: 'secret' } })
  t.teardown(() => Promise.all([imap.close(), sink.close()]))
  const app = await startApp(t, { ca: tls.ca, ports: [imap.port, sink.port], ...overrides })
  const login = { host: 'localhost', username: user, password: 'secret' }
  const { body: account } = await app.client.send<{ id: string }>('POST', '/v1/email-accounts', {
    address: user,
    owner: { kind: 'team' },
    connection: {
      provider: 'imap-smtp',
      smtp: { ...login, port: sink.port },
      imap: { ...login, port: imap.port, encryption: 'tls' },
    },
  })
  return {
    app,
    sink,
    /** @returns its id */
    queue: async (subject: string, undoSeconds = 0): Promise<string> => {
      const to = [{ address: 'mia@client.test' }]
      const email = { accountId: account.id, to, subject, html: '<p>Hello</p>', trackOpens: true }
      return (await app.client.send<{ id: string }>('POST', '/v1/outbox', { email, undoSeconds })).body.id
    },
    untilSent: (id: string) =>
      until(
        `${id} to be sent`,
        () => app.client.get<{ state: string }>(`/v1/outbox/${id}`),
        ({ state }) => state === 'sent',
        120_000,
      ),
  }
}
