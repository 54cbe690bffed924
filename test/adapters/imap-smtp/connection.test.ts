import net from 'node:net'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { imapServer, smtpSink } from '../../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { connectionTest } from '../../../src/adapters/imap-smtp/connection-test.ts'
import type { ServerLogin } from '../../../src/adapters/imap-smtp/connection.ts'
import { egressGuard, type EgressConfig } from '../../../src/adapters/network/egress-guard.ts'
import { Secret } from '../../../src/commands/ports/credentials.ts'
import { MailUnavailable } from '../../../src/commands/ports/mail-provider.ts'
import { accessTo } from '../../support/imap-smtp.ts'

const certificates = await testTls()
const password = 'correct horse'
const user = 'ann@example.test'
const never = new AbortController().signal

const allowing = (port: number, more: Partial<EgressConfig> = {}): EgressConfig => ({
  allowedNetworks: ['127.0.0.0/8', '::1/128'],
  allowedPorts: [port],
  clearTextHosts: [],
  extraCa: [certificates.ca],
  ...more,
})

type PasswordLogin = Extract<ServerLogin, { password: Secret }>

const loginTo = (port: number, more: Partial<PasswordLogin> = {}): PasswordLogin => ({
  host: 'localhost',
  port,
  encryption: 'tls',
  username: user,
  password: new Secret(password),
  ...more,
})

/** The steps of a test in short: those that went well, the one that failed with its code, those skipped. */
const tried = async (
  t: Test,
  service: 'imap' | 'smtp',
  login: ServerLogin,
  {
    config = allowing(login.port),
    resolve = undefined as undefined | (() => Promise<string[]>),
    totalMs = 20_000,
    greetingMs = 10_000,
  } = {},
) => {
  const limits = { greetingMs }
  const guard = egressGuard(config, { limits, ...(resolve === undefined ? {} : { resolve }) })
  const { ok, steps } = await connectionTest(guard, { totalMs })(accessTo({ [service]: login }), never)
  t.notMatch(
    inspect(steps, { depth: 9 }),
    new RegExp(`${password}|hoodiecrow|No such user|Refused by this|ESMTP`, 'i'),
  )
  t.equal(
    ok,
    steps.every((step) => step.ok),
  )
  t.ok(steps.every(({ durationMs }) => durationMs >= 0))
  const failed = steps.find((step) => !step.ok && step.skipped !== true)
  if (failed !== undefined) t.ok(failed.remedy)
  return {
    well: steps.filter((step) => step.ok).map(({ step }) => step),
    failed: failed === undefined ? null : `${failed.step}: ${failed.code}`,
    skipped: steps.filter(({ skipped }) => skipped === true).length,
    remedy: failed?.remedy ?? '',
    details: Object.fromEntries(steps.map(({ step, detail }) => [step, detail])),
  }
}

const imap = async (t: Test, options: Partial<Parameters<typeof imapServer>[0]> = {}) => {
  const server = await imapServer({
    encryption: 'tls',
    tls: certificates.good,
    users: { [user]: { password, folders: [{ path: 'Sent', use: '\\Sent' }] } },
    ...options,
  })
  t.teardown(() => server.close())
  return server
}

const smtp = async (t: Test, options: Partial<Parameters<typeof smtpSink>[0]> = {}) => {
  const sink = await smtpSink({
    encryption: 'tls',
    tls: certificates.good,
    users: { [user]: password },
    ...options,
  })
  t.teardown(() => sink.close())
  return sink
}

/** Listens and says nothing, or one line. */
const listener = async (t: Test, greeting = '') => {
  const open = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('data', () => {})
    if (greeting !== '') socket.write(greeting)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return (server.address() as net.AddressInfo).port
}

t.test('servers that work pass every step, both protocols at once, over TLS and STARTTLS', async (t) => {
  for (const encryption of ['tls', 'starttls'] as const) {
    const [box, sink] = [await imap(t, { encryption }), await smtp(t, { encryption, size: 20 * 1024 * 1024 })]
    const guard = egressGuard(allowing(box.port, { allowedPorts: [box.port, sink.port] }))
    const logins = { imap: loginTo(box.port, { encryption }), smtp: loginTo(sink.port, { encryption }) }
    const { ok, steps } = await connectionTest(guard)(accessTo(logins), never)
    t.equal(ok, true)
    t.same(
      steps.map(({ service, step }) => `${service} ${step}`),
      [
        ['smtp name', 'smtp tcp', 'smtp tls', 'smtp login', 'smtp capabilities'],
        ['imap name', 'imap tcp', 'imap tls', 'imap login', 'imap capabilities', 'imap folders'],
      ].flat(),
    )
    t.equal(steps.at(-1)?.detail, '2 folders; Sent found')
    t.match(steps[4]?.detail, /PIPELINING.*messages up to 20 MB/)
  }
  const plain = await imap(t, { encryption: 'none' })
  const open = allowing(plain.port, { clearTextHosts: ['LOCALHOST'] })
  const result = await tried(t, 'imap', loginTo(plain.port, { encryption: 'none' }), { config: open })
  t.match(result, { failed: null, details: { tls: 'Not encrypted, as the operator allows for this host' } })
})

t.test('each certificate that is not right is named, and nothing of the login is said', async (t) => {
  for (const [which, code] of [
    ['selfSigned', 'certificate-self-signed'],
    ['expired', 'certificate-expired'],
    ['wrongName', 'certificate-wrong-name'],
  ] as const) {
    for (const encryption of ['tls', 'starttls'] as const) {
      const box = await imap(t, { encryption, tls: certificates[which] })
      const sink = await smtp(t, { encryption, tls: certificates[which] })
      t.match(await tried(t, 'imap', loginTo(box.port, { encryption })), {
        failed: `tls: ${code}`,
        skipped: 3,
      })
      t.match(await tried(t, 'smtp', loginTo(sink.port, { encryption })), {
        failed: `tls: ${code}`,
        skipped: 2,
      })
    }
  }
  const box = await imap(t)
  const unknownAuthority = allowing(box.port, { extraCa: [] })
  t.match(await tried(t, 'imap', loginTo(box.port), { config: unknownAuthority }), {
    failed: 'tls: certificate-untrusted',
  })
})

t.test('where STARTTLS is stripped, not one byte of the login is on the wire', async (t) => {
  const encryption = 'starttls'
  const [box, sink] = [
    await imap(t, { encryption, stripStartTls: true }),
    await smtp(t, { encryption, stripStartTls: true }),
  ]
  t.match(await tried(t, 'imap', loginTo(box.port, { encryption })), { failed: 'tls: starttls-not-offered' })
  t.match(await tried(t, 'smtp', loginTo(sink.port, { encryption })), { failed: 'tls: starttls-not-offered' })
  for (const wire of [box.wire(), sink.wire()]) {
    const said = wire.toString('latin1')
    t.match(said, /CAPABILITY|EHLO/)
    t.notMatch(said, /LOGIN|AUTH|ann|correct|horse/i)
    t.notOk(said.includes(Buffer.from(`\0${user}`).toString('base64').slice(0, 12)))
  }
  const preauth = await listener(t, '* PREAUTH already in\r\n')
  const login = loginTo(preauth, { encryption })
  t.match(
    await tried(t, 'imap', login, { totalMs: 3000 }),
    { failed: /^tls: / },
    'nor by claiming to be logged in',
  )
})

t.test('logins that fail say whether it is the password or the server', async (t) => {
  const [box, sink] = [await imap(t), await smtp(t)]
  const wrong = { password: new Secret('wrong') }
  t.match(await tried(t, 'imap', loginTo(box.port, wrong)), { failed: 'login: login-rejected', skipped: 2 })
  t.match(await tried(t, 'smtp', loginTo(sink.port, wrong)), { failed: 'login: login-rejected', skipped: 1 })
  box.faults.loginDisabled = true
  t.match(await tried(t, 'imap', loginTo(box.port)), { failed: 'login: login-disabled' })
  t.match(await tried(t, 'smtp', loginTo((await smtp(t, { noLogin: true })).port)), {
    failed: 'login: login-disabled',
  })
  const hidden = await imap(t)
  hidden.faults.hideInbox = true
  t.match(await tried(t, 'imap', loginTo(hidden.port)), { failed: 'folders: inbox-missing', skipped: 0 })
  // A name that resolves to our server, as a test of advice for a provider needs.
  const provider = await smtp(t, { encryption: 'none' })
  const login = loginTo(provider.port, { ...wrong, host: 'smtp.gmail.com', encryption: 'none' })
  const config = allowing(provider.port, { clearTextHosts: ['smtp.gmail.com'] })
  const advised = await tried(t, 'smtp', login, { config, resolve: () => Promise.resolve(['127.0.0.1']) })
  t.match(advised, { failed: 'login: login-rejected', remedy: /app password/ })
})

t.test('an access token goes to no server that takes none, and what to do instead is told', async (t) => {
  const secret = 'eyJhbGciOiJub25lIn0.token'
  const servers = [
    ['imap', await imap(t)],
    ['smtp', await smtp(t)],
    ['smtp', await smtp(t, { noLogin: true })],
  ] as const
  for (const [protocol, { port }] of servers) {
    const { password: _password, ...server } = loginTo(port)
    t.match(await tried(t, protocol, { ...server, accessToken: new Secret(secret) }), {
      failed: 'login: token-login-not-offered',
      remedy: /Enter a password or an app password/,
    })
  }
})

t.test('what is no mail server, or none there, is told apart no further than a person needs', async (t) => {
  const closed = await listener(t)
  const gone = net.createServer()
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve))
  const { port } = gone.address() as net.AddressInfo
  await new Promise((resolve) => gone.close(resolve))
  t.match(await tried(t, 'imap', loginTo(port)), { well: ['name'], failed: 'tcp: unreachable', skipped: 4 })
  t.match(await tried(t, 'smtp', loginTo(port)), { failed: 'tcp: unreachable', skipped: 3 })
  t.match(
    await tried(t, 'imap', loginTo(closed), { greetingMs: 300 }),
    { failed: 'tls: timed-out' },
    'silent',
  )
  t.match(await tried(t, 'smtp', loginTo(closed, { encryption: 'starttls' }), { greetingMs: 300 }), {
    failed: 'tls: timed-out',
  })
  const plain = await listener(t, '220 here, in clear text\r\n')
  t.match(
    await tried(t, 'smtp', loginTo(plain)),
    { failed: 'tls: tls-failed' },
    'TLS chosen for a STARTTLS port',
  )
  const web = await listener(t, 'HTTP/1.1 400 Bad Request\r\n\r\n')
  t.match(await tried(t, 'smtp', loginTo(web, { encryption: 'starttls' })), { failed: 'tls: protocol-error' })
  const busy = await listener(t, '421 too many of you\r\n')
  t.match(await tried(t, 'smtp', loginTo(busy, { encryption: 'starttls' })), { failed: 'tls: server-busy' })
  const bye = await listener(t, '* BYE too many of you\r\n')
  t.match(await tried(t, 'imap', loginTo(bye, { encryption: 'starttls' })), {
    failed: /^tls: (server-busy|connection-lost)$/,
  })
  const unknown = loginTo(993, { host: 'no-such-host.invalid' })
  t.match(await tried(t, 'imap', unknown), { well: [], failed: 'name: name-unknown', skipped: 5 })
})

t.test('no connection is made to addresses that are not public, however they are written', async (t) => {
  const guard = egressGuard({ allowedNetworks: [], allowedPorts: [], clearTextHosts: [], extraCa: [] })
  const refused = async (host: string, addresses?: string[]) => {
    const own =
      addresses === undefined
        ? guard
        : egressGuard(
            { allowedNetworks: [], allowedPorts: [], clearTextHosts: [], extraCa: [] },
            { resolve: () => Promise.resolve(addresses) },
          )
    const error: unknown = await own
      .check({ host, port: 993, encryption: 'tls' })
      .catch((reason: unknown) => reason)
    if (!(error instanceof MailUnavailable)) throw new Error(`${host} ${String(addresses)} was let through`)
    return error.code
  }
  const hostile = [
    '127.0.0.1 127.1 2130706433 0x7f.1 0177.0.0.1 0 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1',
    '192.0.0.8 192.0.2.1 198.18.0.1 224.0.0.1 255.255.255.255 ::1 [::1] :: ::ffff:127.0.0.1 ::7f00:1 ::ffff:7f00:1',
    'fe80::1 fc00::1 fec0::1 ff02::1 64:ff9b::7f00:1 2002:7f00:1:: 2001:db8::1 2001::1 100::1 localhost localhost.',
  ].flatMap((line) => line.split(' '))
  for (const host of hostile) t.match(await refused(host), /^(host-not-allowed|name-unknown)$/, host)
  t.equal(
    await refused('mail.example', ['93.184.215.14', '10.0.0.1']),
    'host-not-allowed',
    'one bad address is enough',
  )
  t.equal(await refused('mail.example', []), 'name-unknown')
  t.equal(await refused('mail.example', ['not an address']), 'host-not-allowed')
  for (const port of [22, 80, 3306, 6379]) {
    const error: unknown = await guard
      .check({ host: '93.184.215.14', port, encryption: 'tls' })
      .catch((e: unknown) => e)
    t.match(error, { code: 'port-not-allowed' })
  }
  t.match(await guard.check({ host: '93.184.215.14', port: 993, encryption: 'tls' }), {
    addresses: ['93.184.215.14'],
  })
  t.match(await guard.check({ host: '2606:2800:21f:cb07::1', port: 993, encryption: 'tls' }), {
    addresses: [/^2606/],
  })
})

t.test('a name that changes its address after it was checked is not asked again', async (t) => {
  const box = await imap(t)
  let asked = 0
  const answers = [['127.0.0.1'], ['127.0.0.2']]
  const guard = egressGuard(allowing(box.port, { allowedNetworks: ['127.0.0.1/32'] }), {
    resolve: () => Promise.resolve(answers[asked++] ?? []),
  })
  const checked = await guard.check({ host: 'rebinding.example', port: box.port, encryption: 'tls' })
  const socket = await guard.connect(checked, never)
  t.equal(socket.remoteAddress, '127.0.0.1')
  t.equal(asked, 1)
  socket.destroy()
})
