import { randomBytes } from 'node:crypto'
import t from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { imapServer, smtpSink } from '../../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { syncing } from '../../support/awaited-sync-runs.ts'
import { upToNow } from '../../support/mailbox-comparison.ts'
import { mail, numbers } from '../../support/mailbox-to-sync.ts'
import { startApp } from '../../support/running-app.ts'

const user = 'sarah@acme.test'
const password = `right-${randomBytes(12).toString('hex')}`
const tls = await testTls()
const old = new Date('2020-02-01T00:00:00Z')
const imap = await imapServer({
  encryption: 'tls',
  tls: tls.good,
  users: {
    [user]: {
      password,
      folders: [
        {
          path: 'INBOX',
          messages: [...numbers(230).map((n) => ({ ...mail(n), at: old })), mail(231), mail(232)],
        },
        { path: 'Sent', use: '\\Sent' },
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
const smtp = login(sink.port, 'starttls')
const connected = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
  address: user,
  owner: { kind: 'team' },
  connection: { provider: 'imap-smtp', smtp, imap: login(imap.port, 'tls') },
  settings: { syncFrequencyMinutes: 60 },
})
const { id } = connected.body
const path = `/v1/email-accounts/${id}`
const sync = syncing(client, id, connected.position)
await sync.after(0)

type Status = {
  status: string
  nextTryAt: string | null
  firstSync: object[]
  backfill: { status: string; stored: number } | null
  statistics: { emailsSynced: number }
}
const statusAt = (position: string | null) =>
  client.get<Status>(`${path}/sync-status?min_position=${position}`)
const post = (what: string, body?: object) => app.ask('POST', `${path}/backfill${what}`, { body })

t.test('the list, the account and its sync say alike when it is read next', async (t) => {
  const upTo = await upToNow(client)
  const [run] = (await client.get<{ data: { finishedAt: string }[] }>(`${path}/sync-runs?${upTo}`)).data
  const { data } = await client.get<{ data: Status[] }>(`/v1/email-accounts?${upTo}`)
  const page = await client.get<Status>(`${path}?${upTo}`)
  const status = await client.get<Status>(`${path}/sync-status?${upTo}`)
  t.equal(status.status, 'active')
  t.ok(Date.parse(page.nextTryAt!) > Date.parse(run!.finishedAt))
  t.strictSame([data[0]!.nextTryAt, status.nextTryAt], [page.nextTryAt, page.nextTryAt])
  t.strictSame(status.firstSync, [], 'the first one is over')
})

t.test('older mail is fetched, with its progress, and is not among the new', async (t) => {
  t.match(await client.get(`${path}/sync-status`), { backfill: null, statistics: { emailsSynced: 2 } })
  const before = await client.get<{ data: { number: number }[] }>(`${path}/sync-runs?limit=1`)
  const asked = await post('', { since: '2020-01-01T00:00:00+01:00' })
  t.equal(asked.status, 202)
  t.match(asked.json, { accountId: id, since: '2019-12-31T23:00:00.000Z', status: 'running' })
  const position = asked.headers.get('event-position')
  const ended = await until(
    'the backfill',
    () => statusAt(position),
    // The figures come from another read model.
    ({ backfill, statistics }) => backfill?.status === 'finished' && statistics.emailsSynced === 232,
  )
  t.match(ended.backfill, {
    stored: 230,
    folders: [
      { folder: 'INBOX', known: 232, expected: 232 },
      { folder: 'Sent', known: 0, expected: 0 },
    ],
    finishedAt: /^2/,
  })
  const run = await sync.after(before.data[0]!.number)
  t.match(run, { status: 'Success', count: 0 })
})

t.test('what cannot be done says so', async (t) => {
  t.match(await post('', { since: '2200-01-01T00:00:00Z' }), {
    status: 422,
    json: { code: 'backfill-in-future' },
  })
  t.match(await post('', { since: 'last year' }), { status: 400, json: { code: 'invalid-request' } })
  t.match(await post('/pause'), { status: 422, json: { code: 'backfill-over', remedy: /./ } })
  t.match(await post('/resume'), { status: 422, json: { code: 'backfill-over' } })
  const sendOnly = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
    address: 'other@acme.test',
    owner: { kind: 'team' },
    connection: { provider: 'imap-smtp', smtp, imap: null },
    allowDuplicate: true,
  })
  const other = `/v1/email-accounts/${sendOnly.body.id}`
  t.match(await app.ask('POST', `${other}/backfill`, { body: { since: '2020-01-01T00:00:00Z' } }), {
    status: 422,
    json: { code: 'account-receives-no-mail' },
  })
  t.match(await client.get(`${other}?min_position=${sendOnly.position}`), {
    status: 'active',
    nextTryAt: null,
  })
})
