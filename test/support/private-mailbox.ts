import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { imapServer, smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { syncing } from './awaited-sync-runs.ts'
import { hostileMail, mail } from './mailbox-to-sync.ts'
import { startApp } from './running-app.ts'

/** Stands in everything that is u1's own: a mailbox, what is in it, what is written and sent from it, and a template. */
export const marker = 'zanzibarmarker'

const address = `${marker}@acme.test`

const report = [
  '--b',
  'Content-Type: text/html',
  '',
  `<p>${marker}</p>`,
  '--b',
  `Content-Type: text/plain; name="${marker}.txt"`,
  'Content-Disposition: attachment',
  '',
  `The figures of ${marker}`,
  '--b--',
].join('\r\n')

/**
 * The running service with two accounts on real servers: the team's, and one of user u1 with content of every kind; and
 * with users u1 and u2.
 */
export const startWithPrivateMailbox = async (t: Test) => {
  const tls = await testTls()
  const password = randomBytes(12).toString('hex')
  const inbox = [
    mail('one', { Subject: `Report ${marker}`, 'Content-Type': 'multipart/mixed; boundary=b' }, report),
    hostileMail(2),
  ]
  const users = {
    [address]: { password, folders: [{ path: 'INBOX', messages: inbox }, { path: marker }] },
    'info@acme.test': { password, folders: [{ path: 'INBOX', messages: [mail('team')] }] },
  }
  const imap = await imapServer({ encryption: 'tls', tls: tls.good, users })
  const sink = await smtpSink({
    encryption: 'starttls',
    tls: tls.good,
    users: Object.fromEntries(Object.keys(users).map((user) => [user, password])),
  })
  t.teardown(() => Promise.all([imap.close(), sink.close()]))
  const app = await startApp(t, { ca: tls.ca, ports: [imap.port, sink.port] })
  for (const user of ['u1', 'u2']) await app.client.send('PUT', `/v1/directory/users/${user}`, { name: user })
  const server = (username: string, port: number, encryption: string) => {
    return { host: 'localhost', port, encryption, username, password }
  }
  const owner = app.clientOf('u1')
  const connect = async (user: string, as: object) => {
    const { body, position } = await owner.send<{ id: string }>('POST', '/v1/email-accounts', {
      address: user,
      owner: as,
      connection: {
        provider: 'imap-smtp',
        smtp: server(user, sink.port, 'starttls'),
        imap: server(user, imap.port, 'tls'),
      },
    })
    await syncing(owner, body.id, position).after(0)
    return body.id
  }
  const account = await connect(address, { kind: 'user', userId: 'u1' })
  await connect('info@acme.test', { kind: 'team' })

  const made = async (path: string, body: object) =>
    (await owner.send<{ id: string }>('POST', path, body)).body.id
  const template = await made('/v1/templates', {
    scope: 'personal',
    name: `Lines of ${marker}`,
    subject: marker,
    body: { format: 'html', source: `<p>${marker}</p>` },
  })
  const written = { accountId: account, to: [{ address: 'mia@client.test' }], subject: `Offer ${marker}` }
  const html = `<p>${marker}</p>`
  const draft = await made('/v1/drafts', { ...written, html })
  const email = await made('/v1/outbox', {
    email: { ...written, html, template: { templateId: template, version: 1 } },
    undoSeconds: 0,
  })
  const sent = () => owner.get<{ sentAt: string | null }>(`/v1/outbox/${email}`)
  await until('The sending', sent, ({ sentAt }) => sentAt !== null)
  type Messages = { data: { id: string; subject: string }[] }
  const messages = () => owner.get<Messages>(`/v1/messages?account=${account}`)
  const isReport = ({ subject }: { subject: string }) => subject === `Report ${marker}`
  const message = (await until('The sync', messages, ({ data }) => data.some(isReport))).data.find(isReport)!
  const { threadId } = await owner.get<{ threadId: string }>(`/v1/messages/${message.id}`)
  return { app, account, template, draft, email, message: message.id, thread: threadId }
}
