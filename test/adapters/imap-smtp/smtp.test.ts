import net from 'node:net'
import { inspect } from 'node:util'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { smtpSink, type SmtpSinkOptions } from '../../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { egressGuard } from '../../../src/adapters/network/egress-guard.ts'
import type { ServerLogin } from '../../../src/adapters/imap-smtp/connection.ts'
import { smtpSender } from '../../../src/adapters/imap-smtp/smtp.ts'
import { Secret } from '../../../src/commands/ports/credentials.ts'
import type { EmailToSend } from '../../../src/commands/ports/mail-provider.ts'
import { anyCharacter } from '../../support/any-character.ts'
import { accessTo } from '../../support/imap-smtp.ts'

const certificates = await testTls()
const password = 'correct horse'
const user = 'ann@example.test'
const yes = () => Promise.resolve(true)
const never = new AbortController().signal

const guardFor = (port: number, limits = {}, ehloName: string | null = null) =>
  egressGuard(
    {
      allowedNetworks: ['127.0.0.0/8', '::1/128'],
      allowedPorts: [port],
      clearTextHosts: ['localhost'],
      extraCa: [certificates.ca],
      ehloName,
    },
    { limits },
  )

const loginTo = (port: number, more: Partial<ServerLogin> = {}): ServerLogin => ({
  host: 'localhost',
  port,
  encryption: 'none',
  username: user,
  password: new Secret(password),
  ...more,
})

const letter = (text = 'hello', recipients = ['bob@example.test']): EmailToSend => ({
  envelope: { from: user, recipients },
  messageId: '1@example.test',
  mime: Buffer.from(`From: ${user}\r\nTo: bob@example.test\r\nSubject: hi\r\n\r\n${text}\r\n`),
})

/** Sends by a login, as the product does by an access. */
const senderBy = (...given: Parameters<typeof smtpSender>) => {
  const { send, close } = smtpSender(...given)
  return {
    send: (login: ServerLogin, email: EmailToSend, release: () => Promise<boolean>, signal: AbortSignal) =>
      send(accessTo({ smtp: login }), email, release, signal),
    close,
  }
}

/** A sink and a sender to it, both ended with the test. */
const sinkAndSender = async (
  t: Test,
  options: Partial<SmtpSinkOptions> = {},
  pool: Parameters<typeof smtpSender>[1] = {},
) => {
  const encryption = options.encryption ?? 'none'
  const sink = await smtpSink({ encryption, tls: certificates.good, users: { [user]: password }, ...options })
  const sender = senderBy(guardFor(sink.port), pool)
  t.teardown(async () => {
    await sender.close()
    await sink.close()
  })
  return { sink, sender, login: loginTo(sink.port, { encryption }) }
}

/** A server of a few lines that says whatever the test wants, once DATA has begun. */
const scripted = async (
  t: Test,
  onData: (received: string, socket: net.Socket) => void,
  replies: Record<string, string> = {},
  ehloName: string | null = null,
) => {
  const heard: string[] = []
  const server = net.createServer((socket) => {
    let data: string | null = null
    socket.on('error', () => {})
    socket.write('220 here\r\n')
    socket.on('data', (chunk) => {
      if (data !== null) {
        data += chunk.toString('latin1')
        return onData(data, socket)
      }
      for (const line of chunk
        .toString()
        .split('\r\n')
        .filter((each) => each !== '')) {
        const verb = line.slice(0, 4)
        heard.push(line)
        if (verb === 'DATA') data = ''
        const standard =
          { EHLO: '250-here\r\n250 AUTH PLAIN', AUTH: '235 ok', DATA: '354 go' }[verb] ?? '250 ok'
        socket.write(`${replies[verb] ?? standard}\r\n`)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  const sender = senderBy(guardFor(port, {}, ehloName))
  t.teardown(async () => {
    await sender.close()
    server.close()
  })
  return { sender, login: loginTo(port), heard }
}

const gate = () => Promise.withResolvers<boolean>()

t.test('what is sent is what arrives, to exactly the envelope, over each kind of encryption', async (t) => {
  const text = '.\r\n..two\r\n. \r\nend without newline .\r\n\r\n.'
  for (const more of [{ encryption: 'tls' }, { encryption: 'starttls' }, { noPipelining: true }] as const) {
    const { sink, sender, login } = await sinkAndSender(t, more)
    const message = letter(text, ['bob@example.test', 'hidden@example.test', 'odd+tag@example.test'])
    t.same(await sender.send(login, message, yes, never), {
      kind: 'sent',
      accepted: message.envelope.recipients,
      refused: [],
      putOff: [],
    })
    t.same(sink.messages[0]?.envelope, message.envelope)
    t.ok(sink.messages[0]?.raw.equals(message.mime))
    t.equal(sink.messages[0]?.user, user)
    if (sink.wire().length > 0 && login.encryption !== 'none')
      t.notMatch(sink.wire().toString('latin1'), /AUTH/)
  }
})

t.test('without a yes the final dot is not written, and nothing is sent', async (t) => {
  const { sink, sender, login } = await sinkAndSender(t)
  const message = letter('x'.repeat(500_000))
  t.same(await sender.send(login, message, () => Promise.resolve(false), never), { kind: 'withdrawn' })
  const broken = () => Promise.reject(new Error('the log is down'))
  await t.rejects(sender.send(login, message, broken, never), { message: 'the log is down' })
  const stop = new AbortController()
  const stoppedWhileAsked = sender.send(
    login,
    message,
    () => {
      stop.abort()
      return Promise.resolve(true)
    },
    stop.signal,
  )
  t.match(await stoppedWhileAsked, { kind: 'deferred', code: 'stopped' })
  t.match(await sender.send(login, message, yes, stop.signal), { kind: 'deferred', code: 'stopped' })
  t.equal(sink.messages.length, 0)
  t.match(sink.wire().toString('latin1'), /DATA\r\n/)
  t.notMatch(sink.wire().toString('latin1'), /\r\n\.\r\n/)
  t.match(await sender.send(login, message, yes, never), { kind: 'sent' }, 'the same bytes go later')
  t.equal(sink.messages.length, 1)
})

t.test('the yes is asked for when the server has every byte but the dot', async (t) => {
  const message = letter('y'.repeat(3_000_000))
  const all = gate()
  let dots = 0
  const { sender, login } = await scripted(t, (received, socket) => {
    if (received.length >= message.mime.length) all.resolve(true)
    if (received.endsWith('\r\n.\r\n')) {
      dots += 1
      socket.write('250 taken\r\n')
    }
  })
  const asked = async () => {
    await all.promise
    t.equal(dots, 0)
    return true
  }
  t.match(await sender.send(login, message, asked, never), { kind: 'sent' })
  t.equal(dots, 1)
})

t.test('after the dot only an answer is believed: yes, no, not now, or nobody knows', async (t) => {
  const { sink, sender, login } = await sinkAndSender(t)
  const hasty = senderBy(guardFor(sink.port, { answerMs: 200 }))
  t.teardown(() => hasty.close())
  const outcome = (verdict: 'accept' | 'drop' | 'hang' | number) => {
    sink.faults.verdict = () => verdict
    return (verdict === 'hang' ? hasty : sender).send(login, letter(String(verdict)), yes, never)
  }
  t.match(await outcome('drop'), { kind: 'unknown', reason: 'The connection to the mail server was lost' })
  t.match(await outcome('hang'), { kind: 'unknown', reason: 'The mail server did not answer in time' })
  t.equal(sink.messages.length, 2, 'both had been taken: sending again would have been wrong')
  t.match(await outcome(451), { kind: 'deferred', code: 'email-deferred' })
  t.match(await outcome(421), { kind: 'deferred', code: 'email-deferred' })
  t.match(await outcome(554), { kind: 'failed', code: 'email-refused', refused: [] })
  t.match(await outcome(552), { kind: 'failed', code: 'email-too-large' })
  t.match(await outcome('accept'), { kind: 'sent' })
  t.equal(sink.messages.length, 3)
})

t.test('an answer that comes before the dot sends nothing, not even a yes', async (t) => {
  for (const [early, expected] of [
    ['250 taken already', { kind: 'deferred', code: 'protocol-error' }],
    ['552 too much', { kind: 'failed', code: 'email-too-large' }],
    ['451 not now', { kind: 'deferred', code: 'email-deferred' }],
    [null, { kind: 'deferred', code: 'connection-lost' }],
  ] as const) {
    const said = gate()
    let dots = 0
    const { sender, login } = await scripted(t, (received, socket) => {
      if (received.endsWith('\r\n.\r\n')) dots += 1
      if (early === null) socket.destroy()
      else socket.write(`${early}\r\n`)
      said.resolve(true)
    })
    const heard = async () => {
      await said.promise
      // Loopback: what was written is there to be read in the next turns of the event loop.
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
      return true
    }
    t.match(await sender.send(login, letter(), heard, never), expected, String(early))
    t.equal(dots, 0)
  }
})

t.test('a stop after the dot waits for the answer', async (t) => {
  const { sink, sender, login } = await sinkAndSender(t)
  const stop = new AbortController()
  sink.faults.verdict = () => {
    stop.abort()
    return 'accept'
  }
  t.match(await sender.send(login, letter(), yes, stop.signal), { kind: 'sent' })
})

t.test('recipients are refused one by one, and the class of the reply decides', async (t) => {
  const { sink, sender, login } = await sinkAndSender(t)
  sink.faults.recipientCodes = { 'gone@example.test': 550, 'full@example.test': 452 }
  const to = (...recipients: string[]) => sender.send(login, letter('x', recipients), yes, never)
  const some = await to('bob@example.test', 'gone@example.test', 'full@example.test')
  t.match(some, {
    kind: 'sent',
    accepted: ['bob@example.test'],
    refused: [{ address: 'gone@example.test', code: 550, enhancedCode: /^5/ }],
    putOff: [{ address: 'full@example.test', code: 452, enhancedCode: /^4/ }],
  })
  t.same(sink.messages[0]?.envelope.recipients, ['bob@example.test'])
  t.match(await to('gone@example.test'), {
    kind: 'failed',
    code: 'recipients-refused',
    refused: [{ address: 'gone@example.test', code: 550 }],
  })
  t.match(await to('full@example.test', 'gone@example.test'), {
    kind: 'deferred',
    code: 'recipients-deferred',
    refused: [{ address: 'gone@example.test', code: 550 }],
    putOff: [{ address: 'full@example.test', code: 452 }],
  })
  sink.faults.senderCode = 553
  t.match(await to('bob@example.test'), { kind: 'failed', code: 'sender-refused' })
  sink.faults.senderCode = 451
  t.match(await to('bob@example.test'), { kind: 'deferred', code: 'sender-deferred' })
  t.equal(sink.messages.length, 1)
})

t.test('an address that is none is refused before any connection', async (t) => {
  const { sink, sender, login } = await sinkAndSender(t)
  const bad = [
    'a@b.c\r\nRCPT TO:<evil@x.com>',
    'a@b.c\r\nBcc: evil@x.com',
    'a\0@b.c',
    'a b@c.d',
    '<a@b.c>',
    '',
    'a@b.c>',
    'a@b.c\n',
  ]
  for (const address of bad) {
    t.match(await sender.send(login, letter('x', ['bob@example.test', address]), yes, never), {
      kind: 'failed',
      code: 'invalid-address',
      refused: [{ address }],
    })
    const from = { ...letter(), envelope: { from: address, recipients: ['bob@example.test'] } }
    t.match(await sender.send(login, from, yes, never), { kind: 'failed', code: 'invalid-address' })
  }
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: anyCharacter }),
      fc.constantFrom('\r', '\n', '\0', ' ', '>'),
      async (text, evil) => {
        const address = `a${text}${evil}b@example.test`
        const outcome = await sender.send(login, letter('x', [address]), yes, never)
        return outcome.kind === 'failed' && outcome.code === 'invalid-address'
      },
    ),
  )
  t.match(await sender.send(login, letter('x', []), yes, never), { kind: 'failed', code: 'no-recipient' })
  t.equal(sink.connections(), 0)
})

t.test('what the server cannot carry fails with a reason, before its envelope', async (t) => {
  const { sink, sender, login } = await sinkAndSender(t, { size: 1000, noSmtpUtf8: true })
  t.match(await sender.send(login, letter('x'.repeat(2000)), yes, never), {
    kind: 'failed',
    code: 'email-too-large',
  })
  t.match(await sender.send(login, letter('x', ['jörg@bücher.example']), yes, never), {
    kind: 'failed',
    code: 'smtputf8-not-offered',
  })
  t.match(await sender.send(login, letter(), yes, never), { kind: 'sent' })
  t.equal(sink.connections(), 1)
  const wide = await sinkAndSender(t)
  const message = letter('x', ['jörg@bücher.example'])
  t.match(await wide.sender.send(wide.login, message, yes, never), { kind: 'sent' })
  t.match(wide.sink.wire().toString(), /MAIL FROM:<ann@example.test> SMTPUTF8/)
  t.match(wide.sink.wire().toString(), /RCPT TO:<jörg@bücher.example>\r\n/)
})

t.test('a kept connection gathers nothing from message to message', async (t) => {
  const warnings: Error[] = []
  const keep = (warning: Error) => void warnings.push(warning)
  process.on('warning', keep)
  const { sink, sender, login } = await sinkAndSender(t)
  for (let n = 0; n < 15; n += 1) await sender.send(login, letter(), yes, never)
  await new Promise((resolve) => setImmediate(resolve))
  process.removeListener('warning', keep)
  t.same(warnings, [])
  t.equal(sink.connections(), 1)
})

t.test('connections are kept, shared, few, and replaced when the server has dropped them', async (t) => {
  const { sink, sender, login } = await sinkAndSender(t, {}, { messagesPerConnection: 4 })
  for (let n = 0; n < 4; n += 1) await sender.send(login, letter(), yes, never)
  t.equal(sink.connections(), 1)
  await sender.send(login, letter(), yes, never)
  t.equal(sink.connections(), 2, 'a connection is not used for ever')
  sink.cut()
  t.match(await sender.send(login, letter(), yes, never), { kind: 'sent' })
  t.equal(sink.connections(), 3)
  const many = await Promise.all(Array.from({ length: 20 }, () => sender.send(login, letter(), yes, never)))
  t.ok(many.every(({ kind }) => kind === 'sent'))
  t.equal(sink.messages.length, 26)
  t.ok(sink.connections() <= 3 + 2 + 5, 'three at once, four messages each')
})

t.test('a connection that dies under a waiting message is replaced without a word to anybody', async (t) => {
  let connections = 0
  const server = net.createServer((socket) => {
    connections += 1
    let mails = 0
    let data = false
    socket.on('error', () => {})
    socket.write('220 here\r\n')
    socket.on('data', (chunk) => {
      const text = chunk.toString()
      if (data) {
        if (!text.endsWith('\r\n.\r\n')) return
        data = false
        return void socket.write('250 taken\r\n')
      }
      for (const line of text.split('\r\n').filter((each) => each !== '')) {
        if (line.startsWith('MAIL') && (mails += 1) > 1) return socket.destroy()
        data = line === 'DATA'
        const reply = { EHLO: '250-here\r\n250 AUTH PLAIN', AUTH: '235 ok', DATA: '354 go' }[line.slice(0, 4)]
        socket.write(`${reply ?? '250 ok'}\r\n`)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  const sender = senderBy(guardFor(port))
  t.teardown(async () => {
    await sender.close()
    server.close()
  })
  for (let n = 0; n < 3; n += 1) {
    t.match(await sender.send(loginTo(port), letter(), yes, never), { kind: 'sent' })
  }
  t.equal(connections, 3)
})

t.test('faults of login and connection put a message off, and no secret leaves', async (t) => {
  const outcomes: unknown[] = []
  const deferredWith = async (
    code: string,
    options: Partial<SmtpSinkOptions>,
    more: Partial<ServerLogin> = {},
  ) => {
    const { sink, sender, login } = await sinkAndSender(t, options)
    const outcome = await sender.send({ ...login, ...more }, letter(), yes, never)
    outcomes.push(outcome)
    t.match(outcome, { kind: 'deferred', code })
    t.equal(sink.messages.length, 0)
    return sink
  }
  const stripped = await deferredWith('starttls-not-offered', { encryption: 'starttls', stripStartTls: true })
  const said = stripped.wire().toString('latin1')
  t.match(said, /STARTTLS/)
  t.notMatch(said, /AUTH/)
  t.notOk(said.includes(Buffer.from(password).toString('base64').slice(0, 8)))
  await deferredWith('login-rejected', {}, { password: new Secret('wrong') })
  await deferredWith('login-disabled', { noLogin: true })
  await deferredWith('certificate-self-signed', { encryption: 'tls', tls: certificates.selfSigned })
  await deferredWith('certificate-wrong-name', { encryption: 'starttls', tls: certificates.wrongName })
  await deferredWith('certificate-expired', { encryption: 'starttls', tls: certificates.expired })
  await deferredWith('port-not-allowed', {}, { port: 1 })
  await deferredWith('clear-text-not-allowed', {}, { host: '127.0.0.1' })
  t.notMatch(inspect(outcomes, { depth: 9 }), password)
})

t.test('a server that repeats the password in its refusal is not quoted with it', async (t) => {
  const encoded = Buffer.from(`\0${user}\0${password}`).toString('base64')
  const { sender, login } = await scripted(t, () => {}, {
    RCPT: `550 5.1.1 no ${password} ${encoded}\u0007 here`,
  })
  const outcome = await sender.send(login, letter(), yes, never)
  t.match(outcome, {
    kind: 'failed',
    refused: [{ enhancedCode: '5.1.1', reason: 'no [secret] [secret] here' }],
  })
  t.notMatch(JSON.stringify(outcome), password)
})

t.test('servers are greeted by the name that was set, else by the address of the connection', async (t) => {
  const silent = () => {}
  const refusing = { MAIL: '550 no' }
  const named = await scripted(t, silent, refusing, 'crm.acme.test')
  await named.sender.send(named.login, letter(), yes, never)
  t.equal(named.heard[0], 'EHLO crm.acme.test')
  const unnamed = await scripted(t, silent, refusing)
  await unnamed.sender.send(unnamed.login, letter(), yes, never)
  t.equal(unnamed.heard[0], 'EHLO [127.0.0.1]')
})

t.test(
  'a server that refuses our name is told as that, whenever it says so, and nothing is lost',
  async (t) => {
    const words = '504 5.5.2 <[127.0.0.1]>: Helo command rejected: need fully-qualified hostname'
    const refusing: Record<string, string>[] = [
      { EHLO: '550 HELO needs fully-qualified hostname', HELO: '550 HELO needs fully-qualified hostname' },
      { EHLO: '504 give a name', HELO: '504 give a name' },
      { MAIL: words },
      { RCPT: words },
    ]
    for (const replies of refusing) {
      const { sender, login } = await scripted(t, () => {}, replies)
      t.match(await sender.send(login, letter(), yes, never), { kind: 'deferred', code: 'ehlo-name-refused' })
    }
  },
)
