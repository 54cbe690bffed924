import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { imapServer, smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { syncing } from './awaited-sync-runs.ts'
import { upToNow } from './mailbox-comparison.ts'
import { hostileMail, mail } from './mailbox-to-sync.ts'
import { startApp } from './running-app.ts'

/** Stands in everything that is u1's own: a mailbox, what is in it, what is written and sent from it, and a template. */
export const marker = 'zanzibarmarker'

const address = `${marker}@acme.test`

/** What stands where in the mail. `unsent`: in what was neither sent nor received, or could not be read. */
export type Words = Readonly<Record<'subject' | 'body' | 'attachment' | 'link' | 'unsent', string>>
const markers: Words = { subject: marker, body: marker, attachment: marker, link: marker, unsent: marker }

const htmlOf = ({ body, link }: Words): string =>
  `<p>${body} <a href="https://files.test/${link}">Open</a></p>`

const reportOf = (words: Words): string =>
  [
    '--b',
    'Content-Type: text/html',
    '',
    htmlOf(words),
    '--b',
    `Content-Type: text/plain; name="${words.attachment}.txt"`,
    'Content-Disposition: attachment',
    '',
    `The figures of ${words.body}`,
    '--b--',
  ].join('\r\n')

/**
 * The running service with two accounts on real servers: the team's, and one of user u1 with content of every kind; and
 * with users u1 and u2.
 */
export const startWithPrivateMailbox = async (t: Test, words = markers) => {
  const tls = await testTls()
  const password = randomBytes(12).toString('hex')
  const inbox = [
    mail(
      'one',
      { Subject: `Report ${words.subject}`, 'Content-Type': 'multipart/mixed; boundary=b' },
      reportOf(words),
    ),
    hostileMail(2),
    { ...mail('three', { Subject: `Notes ${words.unsent}` }, words.unsent), flags: ['\\Draft'] },
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
  const to = [{ address: 'mia@client.test' }]
  const unsent = { accountId: account, to, subject: `Plans ${words.unsent}`, html: `<p>${words.unsent}</p>` }
  const draft = await made('/v1/drafts', unsent)
  const waiting = await made('/v1/outbox', { email: unsent, scheduledAt: '2999-01-01T00:00:00Z' })
  const upload = { body: Buffer.from(`The prices of ${words.body}`), headers: { 'mailtrail-user': 'u1' } }
  const uploaded = await app.ask('POST', `/v1/attachments?name=${words.attachment}.txt`, upload)
  const email = await made('/v1/outbox', {
    email: {
      accountId: account,
      to,
      subject: `Offer ${words.subject}`,
      html: htmlOf(words),
      attachments: [uploaded.json],
      template: { templateId: template, version: 1 },
    },
    undoSeconds: 0,
  })
  const sent = () => owner.get<{ sentAt: string | null }>(`/v1/outbox/${email}`)
  await until('The sending', sent, ({ sentAt }) => sentAt !== null)
  type Messages = { data: { id: string; subject: string }[] }
  const messages = () => owner.get<Messages>(`/v1/messages?account=${account}`)
  const isReport = ({ subject }: { subject: string }) => subject === `Report ${words.subject}`
  const message = (await until('The sync', messages, ({ data }) => data.some(isReport))).data.find(isReport)!
  const { threadId } = await owner.get<{ threadId: string }>(`/v1/messages/${message.id}`)
  type Errors = { data: { messageId: string }[] }
  const { data: unreadable } = await owner.get<Errors>(
    `/v1/email-accounts/${account}/sync-errors?${await upToNow(owner)}`,
  )
  const quarantined = unreadable[0]!.messageId
  return { app, account, template, draft, waiting, email, message: message.id, quarantined, thread: threadId }
}
