import { randomBytes } from 'node:crypto'
import t from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { imapServer, smtpSink } from '../../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { startApp } from '../../support/running-app.ts'
import { mail } from '../../support/mailbox-to-sync.ts'
import { syncing } from '../../support/awaited-sync-runs.ts'

const user = 'sarah@acme.test'
const password = `right-${randomBytes(12).toString('hex')}`
const tls = await testTls()
const imap = await imapServer({
  encryption: 'tls',
  tls: tls.good,
  users: {
    [user]: {
      password,
      folders: [
        { path: 'Ausgang alt' },
        { path: 'Customers', messages: [mail('acme', { Subject: 'acme' })] },
        { path: 'Drafts', use: '\\Drafts', messages: [mail('draft', { Subject: 'a draft' })] },
      ],
    },
  },
})
const sink = await smtpSink({ encryption: 'starttls', tls: tls.good, users: { [user]: password } })
t.teardown(() => Promise.all([imap.close(), sink.close()]))
const app = await startApp(t, { ca: tls.ca, ports: [imap.port, sink.port] })
const { client } = app

const login = (port: number, encryption: string) => {
  return { host: 'localhost', port, encryption, username: user, password }
}
const accountWith = (changes: object = {}) => ({
  address: user,
  owner: { kind: 'team' },
  connection: {
    provider: 'imap-smtp',
    smtp: login(sink.port, 'starttls'),
    imap: login(imap.port, 'tls'),
  },
  settings: { syncFrequencyMinutes: 60 },
  ...changes,
})
const connected = await client.send<{ id: string }>('POST', '/v1/email-accounts', accountWith())
const path = `/v1/email-accounts/${connected.body.id}`
const sync = syncing(client, connected.body.id, connected.position)
await sync.after(0)

type Folders = {
  folders: { path: string; role: string | null; isChosen: boolean; canOpen: boolean }[]
  missing: string[]
}
const folders = () => client.get<Folders>(`${path}/folders`)
const revisionOf = async () => (await app.ask('GET', path)).headers.get('etag') ?? ''
const change = async (settings: object) =>
  client.send('PATCH', `${path}/settings`, settings, { 'if-match': await revisionOf() })

t.test('the folders of a mailbox are listed as they are, with their roles and the choice', async (t) => {
  const listed = await folders()
  t.same(listed.missing, ['sent'])
  t.match(
    listed.folders.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    [
      { path: 'Ausgang alt', role: null, isChosen: false, canOpen: true },
      { path: 'Customers', role: null, isChosen: false },
      { path: 'Drafts', role: 'drafts', isChosen: false },
      { path: 'INBOX', role: 'inbox', isChosen: true },
    ],
  )
  imap.mailbox(user).renameFolder('Customers', 'Clients')
  t.ok((await folders()).folders.some(({ path: of }) => of === 'Clients'))
  imap.mailbox(user).renameFolder('Clients', 'Customers')
})

t.test('the run and the account say which chosen folder is missing, and what to do', async (t) => {
  const { data } = await client.get<{ data: object[] }>(`${path}/sync-runs`)
  t.match(data[0], {
    status: 'Partial (no such folder: sent)',
    missingFolders: ['sent'],
    detail: /sent/,
    remedy: /folderRoles/,
  })
  t.match(await client.get(path), {
    status: 'degraded',
    reasons: [{ detail: /sent/, remedy: /folderRoles/ }],
  })
})

t.test('folders are chosen by path and roles given by hand; none at all is refused', async (t) => {
  t.equal(
    (
      await app.ask('PATCH', `${path}/settings`, {
        body: { folders: [] },
        headers: { 'if-match': await revisionOf() },
      })
    ).status,
    400,
  )
  await change({ folders: ['inbox', 'sent', 'drafts', 'Customers'], folderRoles: { 'Ausgang alt': 'sent' } })
  const { folders: listed, missing } = await folders()
  t.same(missing, [])
  t.match(
    listed.find(({ path: of }) => of === 'Ausgang alt'),
    { role: 'sent', isChosen: true },
  )
  type Listed = { data: { subject: string; direction: string | null; isDraft: boolean; seen: boolean }[] }
  const inFolder = (folder: string) =>
    client.get<Listed>(`/v1/messages?account=${connected.body.id}&folder=${folder}`)
  const [acme] = (
    await until(
      'The chosen folder is read',
      () => inFolder('Customers'),
      ({ data }) => data.length > 0,
    )
  ).data
  t.match(acme, { subject: 'acme', direction: 'in', isDraft: false })
  const [draft] = (
    await until(
      'The drafts are read',
      () => inFolder('drafts'),
      ({ data }) => data.length > 0,
    )
  ).data
  t.match(draft, { subject: 'a draft', direction: null, isDraft: true, seen: false })
  const all = await client.get<Listed>(`/v1/messages?account=${connected.body.id}`)
  t.notOk(all.data.some(({ isDraft }) => isDraft))
})

t.test('the same mailbox is connected twice only by who says so', async (t) => {
  const again = await app.ask('POST', '/v1/email-accounts', { body: accountWith() })
  t.equal(again.status, 422)
  t.match(again.json, { code: 'already-connected', details: { accountId: connected.body.id } })
  const twice = await app.ask('POST', '/v1/email-accounts', { body: accountWith({ allowDuplicate: true }) })
  t.equal(twice.status, 201)
  t.strictSame(Object.keys(twice.json as object), ['id'])
  const { id } = twice.json as { id: string }
  t.equal((await app.ask('GET', `/v1/email-accounts/${id}`)).status, 200, 'and is there at once')
  await client.send('POST', `/v1/email-accounts/${id}/disconnect`, {})
  const listed = await client.get<{ data: { id: string }[] }>('/v1/email-accounts')
  t.notOk(listed.data.some((account) => account.id === id))
})

t.test('an account that only receives sends nothing, and says what to do', async (t) => {
  await change({ syncDirection: 'receive' })
  const email = {
    accountId: connected.body.id,
    to: [{ address: 'mia@client.test' }],
    subject: 'Hello',
    html: '<p>Hi</p>',
  }
  const refused = await app.ask('POST', '/v1/outbox', { body: { email, undoSeconds: 0 } })
  t.equal(refused.status, 422)
  t.match(refused.json, { code: 'account-receives-only', remedy: /sync direction/ })
})
