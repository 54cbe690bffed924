import { randomBytes } from 'node:crypto'
import t from 'tap'
import { imapServer, smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { testTls, type KeyPair } from '../../scripts/lib/mail-servers/tls.ts'
import { startApp } from '../support/running-app.ts'
import { lastingState, problemIn, type Problem } from '../support/problem-answers.ts'
import { listedMessages, upToNow } from '../support/mailbox-comparison.ts'
import { syncing } from '../support/awaited-sync-runs.ts'

const canary = (name: string) => `${name}-${randomBytes(12).toString('hex')}`
const user = 'sarah@acme.test'
const password = canary('right')
const wrongPassword = canary('wrong')

// The servers, one for each way of being wrong.
const tls = await testTls()
const stranger = await testTls()
const users = { [user]: { password, folders: [{ path: 'Sent', use: '\\Sent' }] } }
const imap = await imapServer({ encryption: 'tls', tls: tls.good, users })
const sink = await smtpSink({ encryption: 'starttls', tls: tls.good, users: { [user]: password } })
const stripped = {
  imap: await imapServer({ encryption: 'starttls', tls: tls.good, users, stripStartTls: true }),
  smtp: await smtpSink({ encryption: 'starttls', tls: tls.good, stripStartTls: true }),
}
const certified = async (pair: KeyPair) => ({
  imap: await imapServer({ encryption: 'tls', tls: pair, users }),
  smtp: await smtpSink({ encryption: 'starttls', tls: pair }),
})
const selfSigned = await certified(tls.selfSigned)
const expired = await certified(tls.expired)
const wrongName = await certified(tls.wrongName)
const untrusted = await certified(stranger.good)
const wrong = [stripped, selfSigned, expired, wrongName, untrusted].flatMap((pair) => [pair.imap, pair.smtp])
t.teardown(() => Promise.all([imap, sink, ...wrong].map((server) => server.close())))

const closedPort = 9
const app = await startApp(t, {
  ca: tls.ca,
  ports: [imap, sink, ...wrong].map(({ port }) => port).concat(closedPort),
})
const { client } = app
const state = () => lastingState(app.pool)

const server = (port: number, encryption: string, changes: object = {}) => ({
  host: 'localhost',
  port,
  encryption,
  username: user,
  password,
  ...changes,
})
const good = { smtp: server(sink.port, 'starttls'), imap: server(imap.port, 'tls') }
const connectionTo = (servers: object) => ({ provider: 'imap-smtp', ...servers })
const accountWith = (servers: object, changes: object = {}) => ({
  address: user,
  owner: { kind: 'team' },
  settings: { displayName: 'Sarah', syncFrequencyMinutes: 60 },
  connection: connectionTo({ ...good, ...servers }),
  ...changes,
})

const connected = await client.send<{ id: string }>('POST', '/v1/email-accounts', accountWith({}))
const account = connected.body.id
const path = `/v1/email-accounts/${account}`
const sync = syncing(client, account, connected.position)
await sync.after(0)
const etagOf = async (of: string) =>
  (await app.ask('GET', `${of}?min_position=${connected.position}`)).headers.get('etag') ?? ''

const unusable = [
  {
    name: 'a wrong password',
    code: 'login-rejected',
    step: 'login',
    says: /did not accept the user name and password/,
    helps: /Check the user name and password/,
    servers: {
      imap: server(imap.port, 'tls', { password: wrongPassword }),
      smtp: server(sink.port, 'starttls', { password: wrongPassword }),
    },
  },
  {
    name: 'a host that does not exist',
    code: 'name-unknown',
    step: 'name',
    says: /name of the mail server/,
    helps: /host name/,
    servers: {
      imap: server(imap.port, 'tls', { host: 'imap.no-such-host.invalid' }),
      smtp: server(sink.port, 'starttls', { host: 'smtp.no-such-host.invalid' }),
    },
  },
  {
    name: 'a host where no mail server listens',
    code: 'unreachable',
    step: 'tcp',
    says: /cannot be reached/,
    helps: /host name and port/,
    servers: { imap: server(closedPort, 'tls'), smtp: server(closedPort, 'starttls') },
  },
  {
    name: 'a host inside, where users have no business',
    code: 'host-not-allowed',
    step: 'name',
    says: /not on the public Internet/,
    helps: /public host name/,
    servers: {
      imap: server(993, 'tls', { host: '10.0.0.7' }),
      smtp: server(587, 'starttls', { host: '169.254.169.254' }),
    },
  },
  {
    name: 'a server that offers no STARTTLS',
    code: 'starttls-not-offered',
    step: 'tls',
    says: /does not offer STARTTLS, so the password was not sent/,
    helps: /Choose TLS with port 993/,
    servers: {
      imap: server(stripped.imap.port, 'starttls'),
      smtp: server(stripped.smtp.port, 'starttls'),
    },
  },
  ...[
    {
      pair: selfSigned,
      code: 'certificate-self-signed',
      says: /self-signed, so the password was not sent/,
      helps: /trust/,
    },
    { pair: expired, code: 'certificate-expired', says: /expired.*password was not sent/, helps: /renew/ },
    {
      pair: wrongName,
      code: 'certificate-wrong-name',
      says: /another host name.*not sent/,
      helps: /host name/,
    },
    {
      pair: untrusted,
      code: 'certificate-untrusted',
      says: /not trusted.*not sent/,
      helps: /trust its authority/,
    },
  ].map(({ pair, ...rest }) => ({
    name: `a certificate that is no good: ${rest.code}`,
    step: 'tls',
    servers: { imap: server(pair.imap.port, 'tls'), smtp: server(pair.smtp.port, 'starttls') },
    ...rest,
  })),
]

for (const { name, code, step, says, helps, servers } of unusable)
  t.test(`${name} is named at its step, and changes nothing`, async (t) => {
    const before = await state()
    const etag = await etagOf(path)
    for (const protocol of ['imap', 'smtp'] as const) {
      const one = { imap: null, smtp: null, [protocol]: servers[protocol] }
      const body = { connection: connectionTo(one) }
      const tried = await client.send<{
        ok: boolean
        steps: (Problem & { step: string; ok: boolean; skipped?: true })[]
      }>('POST', '/v1/connection-tests', body)
      t.equal(tried.body.ok, false)
      const at = tried.body.steps.findIndex((each) => !each.ok)
      t.match(tried.body.steps[at], { service: protocol, step, code, detail: says, remedy: helps })
      t.ok(
        tried.body.steps.slice(at + 1).every(({ skipped }) => skipped),
        'and nothing is tried after it',
      )

      const problems = [
        await app.ask('POST', '/v1/email-accounts', {
          body: accountWith(one, { address: 'other@acme.test' }),
        }),
        await app.ask('PUT', `${path}/connection`, { body, headers: { 'if-match': etag } }),
      ]
      for (const answer of problems) {
        const problem = problemIn(t, answer, 422, code)
        t.match(problem, { detail: says, remedy: helps })
        t.match(problem.details, { steps: [{ service: protocol }] }, 'with the steps that were taken')
      }
    }
    t.same(await state(), before)
  })

t.test('a password that stops being right is told to people, and nothing is lost by it', async (t) => {
  imap.faults.refuseLogin = true
  imap
    .mailbox(user)
    .append('INBOX', { raw: Buffer.from('From: mia@client.test\r\nSubject: Hi\r\n\r\nHello\r\n') })
  const failed = await sync.now()
  t.match(failed, { status: 'Failed', detail: /did not accept the user name and password/ })
  const status = await client.get<object>(`${path}/sync-status?${await upToNow(client)}`)
  t.match(status, {
    status: 'needs-reauthentication',
    reasons: [{ code: 'login-rejected', remedy: /Check the user name/ }],
  })
  imap.faults.refuseLogin = false
  t.match(await sync.now(), { status: 'Success' })
  t.match(await listedMessages(client, account), [{ subject: 'Hi' }], 'what arrived meanwhile is there')
  t.match(await client.get<object>(`${path}/sync-status?${await upToNow(client)}`), {
    status: 'active',
    reasons: [],
  })
})

t.test(
  'no password is in a log line, an answer, an event or a table, nor went over a wire in clear text',
  async (t) => {
    t.same(await app.leaks([password, wrongPassword, app.key]), [])
    for (const unencrypted of [stripped.imap, stripped.smtp]) {
      t.ok(unencrypted.connections() > 0)
      for (const secret of [password, wrongPassword]) t.notOk(unencrypted.wire().includes(secret))
    }
  },
)
