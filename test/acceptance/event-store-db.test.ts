import { randomBytes } from 'node:crypto'
import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { imapServer, smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { readModelsEqualRebuild } from '../../scripts/lib/equals-rebuild.ts'
import { createApp } from '../../src/app.ts'
import { openStore, requireOwnLog } from '../../src/app/open-store.ts'
import { projections } from '../../src/app/read-models.ts'
import { ConfigError, readConfig } from '../../src/config.ts'
import { startApp } from '../support/running-app.ts'
import { eventStoreDbDouble } from '../../scripts/lib/event-store-db/double.ts'
import { syncing } from '../support/awaited-sync-runs.ts'

// The service as on PostgreSQL alone, its log in EventStoreDB: on a real server where EVENTSTOREDB_URL names one.

const double = await eventStoreDbDouble()
t.teardown(() => double.stop())
const eventStoreUrl = process.env['EVENTSTOREDB_URL'] ?? double.url

const user = 'sarah@acme.test'
const password = randomBytes(12).toString('hex')
const tls = await testTls()
const messages = Array.from({ length: 5 }, (_, n) => ({
  raw: Buffer.from(
    `From: mia${n}@client.test\r\nTo: ${user}\r\nSubject: Question ${n}\r\nMessage-ID: <q${n}@client.test>\r\n\r\nHello\r\n`,
  ),
}))
const folders = [
  { path: 'INBOX', messages },
  { path: 'Sent', use: '\\Sent' },
]
const users = { [user]: { password, folders } }
const imap = await imapServer({ encryption: 'tls', tls: tls.good, users })
const sink = await smtpSink({ encryption: 'starttls', tls: tls.good, users: { [user]: password } })
t.teardown(() => Promise.all([imap.close(), sink.close()]))
const app = await startApp(t, {
  ca: tls.ca,
  ports: [imap.port, sink.port],
  env: { EVENT_STORE_URL: eventStoreUrl },
})
const { client } = app
const folder = t.testdirName

t.test('connect, sync, send, track and report are the same, and read models equal the log', async (t) => {
  const server = (port: number, encryption: string) => ({
    host: 'localhost',
    port,
    encryption,
    username: user,
    password,
  })
  const connected = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
    address: user,
    owner: { kind: 'team' },
    settings: { displayName: 'Sarah', syncFrequencyMinutes: 60 },
    connection: {
      provider: 'imap-smtp',
      smtp: server(sink.port, 'starttls'),
      imap: server(imap.port, 'tls'),
    },
  })
  t.match(connected.position, /^e:\d{20}\/\d{20}$/)
  const run = await syncing(client, connected.body.id, connected.position).after(0)
  t.match(run, { status: 'Success', count: 5, failed: 0 })

  if (eventStoreUrl === double.url) {
    double.fail('append', 'writes-and-resets', 3)
    double.fail('follow', 'ends', 2)
  }
  const html = '<p>Hi</p><p><a href="https://acme.test/offer">Offer</a></p>'
  const offer = {
    accountId: connected.body.id,
    to: [{ address: 'mia@client.test' }],
    subject: 'Offer',
    html,
  }
  const headers = { 'idempotency-key': 'offer-1' }
  const [first, again] = [
    await client.send<{ id: string }>('POST', '/v1/outbox', { email: offer, undoSeconds: 0 }, headers),
    await client.send<{ id: string }>('POST', '/v1/outbox', { email: offer, undoSeconds: 0 }, headers),
  ]
  t.equal(first.body.id, again.body.id)
  const email = await sink.mailWith(first.body.id)
  t.equal(sink.messages.length, 1)

  const [, link = ''] = /href=3D"([^"]+)"/.exec(email.raw.toString().replaceAll(/=\r\n/g, '')) ?? []
  const clicked = await fetch(link.replaceAll('=3D', '='), { redirect: 'manual' })
  t.equal(clicked.headers.get('location'), 'https://acme.test/offer')
  await until(
    'The click',
    () => client.get<{ activity: { event: string }[] }>(`/v1/outbox/${first.body.id}/tracking`),
    ({ activity }) => activity.some(({ event }) => event === 'clicked'),
  )
  const at = new Date().toISOString()
  const log = await client.get<{ position: string }>(`/v1/event-log?at=${encodeURIComponent(at)}`)
  t.ok(log.position > (again.position ?? ''), 'the log is found by time')
  const store = await openStore({ eventStoreUrl }, app.pool, () => {})
  const compared = await readModelsEqualRebuild({ store, pool: app.pool, projections })
  await store.close()
  t.ok(compared.length > 20)
  t.same(
    compared.filter(({ equal }) => !equal),
    [],
  )
  t.same(await app.leaks([password]), [])
})

t.test(
  'read models of one log are not filled from another',
  { skip: eventStoreUrl !== double.url },
  async (t) => {
    const other = await eventStoreDbDouble()
    const foreign = await openStore({ eventStoreUrl: other.url }, app.pool, () => {})
    await t.rejects(readModelsEqualRebuild({ store: foreign, pool: app.pool, projections }), /another log/)
    await foreign.close()
    other.stop()
  },
)

t.test('a process with another log does not start, whatever its role', async (t) => {
  const env = { MAILTRAIL_DATA: folder, DATABASE_URL: 'postgres://is.in.the/pool' }
  for (const role of ['all', 'api', 'worker']) {
    const config = readConfig({ ...env, MAILTRAIL_ROLE: role })
    const refused = createApp({ config, pool: app.pool, logTo: { write: () => {} } })
    await t.rejects(refused, { name: 'ConfigError', message: /event log .*EVENT_STORE_URL/ }, role)
  }
  const own = await openStore({ eventStoreUrl }, app.pool, () => {})
  const forgotten = await openStore({ eventStoreUrl: null }, app.pool, () => {})
  t.teardown(() => Promise.all([own.close(), forgotten.close()]))
  await app.pool.query('delete from mailtrail.event_log')
  await t.rejects(requireOwnLog(app.pool, forgotten), ConfigError, 'read models were filled from the other')
  await requireOwnLog(app.pool, own)
  await app.pool.query('delete from mailtrail.checkpoints')
  await t.rejects(requireOwnLog(app.pool, forgotten), ConfigError, 'it is noted')
})

t.test('an event store that cannot be used keeps the service from starting, and says so', async (t) => {
  for (const text of ['esdb://localhost:2113', 'esdb://u:pass@localhost:2113?tls=perhaps'])
    await t.rejects(
      openStore({ eventStoreUrl: text }, app.pool, () => {}),
      ConfigError,
    )
})
