import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { imapServer, type ImapServer } from '../../../scripts/lib/mail-servers/loopback.ts'
import type { SeedMessage } from '../../../scripts/lib/mail-servers/imap-mailboxes.ts'
import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'
import { egressGuard } from '../../../src/adapters/network/egress-guard.ts'
import { withRoles } from '../../../src/adapters/imap-smtp/folder-roles.ts'
import type { ServerLogin } from '../../../src/adapters/imap-smtp/connection.ts'
import { openSession, type ImapSession } from '../../../src/adapters/imap-smtp/imap.ts'
import { Secret } from '../../../src/commands/ports/credentials.ts'
import { MailUnavailable } from '../../../src/commands/ports/mail-provider.ts'

const certificates = await testTls()
const password = 'correct horse'
const user = 'ann@example.test'

const serverWith = (messages: readonly SeedMessage[], more: Partial<Parameters<typeof imapServer>[0]> = {}) =>
  imapServer({
    encryption: 'tls',
    tls: certificates.good,
    users: {
      [user]: {
        password,
        folders: [
          { path: 'INBOX', uidValidity: 77, messages },
          { path: 'Gesendet' },
          { path: 'Sent', use: '\\Sent' },
          { path: 'Entw&APw-rfe' },
          { path: 'Work/Archive' },
        ],
      },
    },
    ...more,
  })

const guardFor = (port: number, limits = {}) =>
  egressGuard(
    {
      allowedNetworks: ['127.0.0.0/8', '::1/128'],
      allowedPorts: [port],
      clearTextHosts: ['localhost'],
      extraCa: [certificates.ca],
    },
    { limits },
  )

const loginTo = (server: ImapServer, more: Partial<ServerLogin> = {}): ServerLogin => ({
  host: 'localhost',
  port: server.port,
  encryption: 'tls',
  username: user,
  password: new Secret(password),
  ...more,
})

const signal = () => new AbortController().signal

const mail = (n: number | string, more = ''): Buffer =>
  Buffer.from(
    `From: a@example.test\r\nMessage-ID: <${n}@example.test>\r\n${more}Subject: ${n}\r\n\r\nbody ${n}\r\n`,
  )

const all = async (session: ImapSession, uids: readonly number[]) => {
  const found = []
  for await (const message of session.fetch(uids)) found.push(message)
  return found
}

/** What a call is refused with, without ever letting a secret or the server's words through. */
const refusedWith = async (t: Test, work: Promise<unknown>): Promise<{ kind: string; code: string }> => {
  try {
    await work
  } catch (error) {
    if (!(error instanceof MailUnavailable)) throw error
    const everything = inspect(error, { depth: 9 }) + JSON.stringify(error) + error.message + error.remedy
    t.notMatch(everything, new RegExp(`${password}|No such user|Refused by this`))
    return { kind: error.kind, code: error.code }
  }
  throw new Error('It was not refused')
}

t.test('folders have their roles by announced use, else by name, and never two of one role', async (t) => {
  const server = await serverWith([])
  t.teardown(() => server.close())
  const session = await openSession(guardFor(server.port), loginTo(server), {}, signal())
  const roles = Object.fromEntries((await session.folders()).map(({ folder, role }) => [folder, role]))
  t.match(roles, {
    INBOX: 'inbox',
    Sent: 'sent',
    Gesendet: null,
    Entwürfe: 'drafts',
    'Work/Archive': null,
  })
  await session.close()
  const named = (...names: string[]) =>
    withRoles(
      names.map((name) => ({ path: name, name, parents: [], opens: true, announcedUse: null })),
      {},
    )
  t.same(
    named('Sent Items', 'Sent', 'All Mail').map(({ role }) => role),
    [null, 'sent', null],
  )
})

t.test(
  'messages come byte for byte as the server has them, however malformed, and are left unread',
  async (t) => {
    const hard = [
      mail(1),
      Buffer.from('no header at all'),
      Buffer.from('Subject: bare\nlf only\n\nbody\n'),
      Buffer.concat([
        Buffer.from('Subject: '),
        Buffer.from([0xe4, 0x00, 0xff, 0x80]),
        Buffer.from('\r\n\r\n\x00\x01'),
      ]),
      Buffer.from('\r\n\r\n\r\n'),
      Buffer.from(
        'Subject: (((((\r\nContent-Type: multipart/mixed; boundary="\r\n\r\n--\r\n* OK fake\r\nA1 OK done\r\n',
      ),
      Buffer.from(`Subject: long ${'x'.repeat(200_000)}\r\n\r\n${'y'.repeat(3_000_000)}`),
      Buffer.from('\ufeffFrom: bom@example.test\r\n\r\nüñ\r\n'),
    ]
    const server = await serverWith(
      hard.map((raw, index) => ({ raw, flags: index === 0 ? ['\\Flagged', '\\Recent'] : [] })),
      { encryption: 'none' },
    )
    t.teardown(() => server.close())
    const login = loginTo(server, { encryption: 'none' })
    const session = await openSession(guardFor(server.port), login, {}, signal())
    t.same(await session.open('INBOX'), {
      uidValidity: '77',
      uidNext: 9,
      messages: 8,
      modseq: null,
      resync: null,
    })
    const uids = await session.list({ from: 1, since: null })
    const got = await all(session, uids)
    t.same(
      got.map(({ raw, uid }) => raw.equals(hard[uid - 1]!)),
      hard.map(() => true),
    )
    t.same(got[0]!.flags, ['flagged'], 'what belongs to the session is no flag of the message')
    t.same(
      server
        .mailbox(user)
        .messages('INBOX')
        .filter(({ flags }) => flags.includes('\\Seen')),
      [],
    )
    const said = server.wire().toString('latin1')
    t.match(said, /EXAMINE INBOX\r\n/)
    t.notMatch(said, /SELECT|STORE|BODY\[/, 'nothing that could change a flag')
    await session.close()
  },
)

t.test('listing gives only what is asked for: from a UID on, and since an instant', async (t) => {
  const at = (text: string) => new Date(text)
  const server = await serverWith([
    { raw: mail(1), at: at('2026-03-01T12:00:00Z') },
    { raw: mail(2), at: at('2026-03-10T11:59:59Z') },
    { raw: mail(3), at: at('2026-03-10T12:00:00Z') },
    { raw: mail(4), at: at('2026-03-11T00:00:00Z') },
    { raw: mail(5), at: at('2026-04-01T00:00:00Z') },
  ])
  t.teardown(() => server.close())
  const session = await openSession(guardFor(server.port), loginTo(server), {}, signal())
  await session.open('INBOX')
  t.same(await session.list({ from: 1, since: null }), [1, 2, 3, 4, 5])
  t.same(await session.list({ from: 1, since: at('2026-03-10T12:00:00Z') }), [3, 4, 5])
  t.same(await session.list({ from: 5, since: at('2026-03-10T12:00:00Z') }), [5])
  t.same(await session.list({ from: 6, since: null }), [], 'n:* names the newest message, which is not new')
  server.mailbox(user).setFlags('INBOX', 4, ['\\Seen', '\\Answered'])
  t.same(await session.flags([4, 3, 99]), [
    { uid: 3, flags: [] },
    { uid: 4, flags: ['answered', 'seen'] },
  ])
  t.same(await session.flags([]), [])
  await session.close()
})

t.test('UIDs are in ascending order, also from a server that answers searches in disorder', async (t) => {
  const messages = Array.from({ length: 30 }, (_, index) => ({
    raw: mail(index + 1),
    at: new Date(`2026-03-${String(30 - index).padStart(2, '0')}T12:00:00Z`),
  }))
  const server = await serverWith(messages)
  t.teardown(() => server.close())
  server.mailbox(user).append('INBOX', { raw: mail(1) })
  server.faults.disorderSearch = true
  const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1)
  for (const limit of [undefined, 12]) {
    server.faults.messageLimit = limit
    const session = await openSession(guardFor(server.port), loginTo(server), {}, signal())
    await session.open('INBOX')
    t.same(await session.list({ from: 1, since: null }), upTo(31))
    t.same(await session.list({ from: 3, since: new Date('2026-03-21T12:00:00Z') }), [
      ...upTo(10).slice(2),
      31,
    ])
    t.same(await session.findById('message-id', '1@example.test'), [1, 31])
    await session.close()
  }
})

t.test('no command concerns more messages than the server allows, and none is missed', async (t) => {
  const old = new Date('2026-03-01T12:00:00Z')
  const server = await serverWith(
    Array.from({ length: 130 }, (_, index) => ({ raw: mail(index + 1), ...(index < 40 ? { at: old } : {}) })),
  )
  t.teardown(() => server.close())
  server.mailbox(user).remove('INBOX', 60)
  server.faults.messageLimit = 50
  const session = await openSession(guardFor(server.port), loginTo(server), {}, signal())
  await session.open('INBOX')
  const uids = await session.list({ from: 1, since: null })
  t.equal(uids.length, 129)
  t.equal((await session.list({ from: 1, since: new Date('2026-03-02T00:00:00Z') })).length, 89)
  t.same(await session.list({ from: 129, since: null }), [129, 130])
  t.equal((await all(session, uids)).length, 129)
  t.equal((await session.flags(uids)).length, 129)
  t.equal((await session.sizes(uids)).size, 129)
  t.same(await session.findById('message-id', '<3@example.test>'), [3])
  await session.close()
})

t.test('one message that the server cannot hand out costs one message', async (t) => {
  const server = await serverWith(Array.from({ length: 450 }, (_, index) => ({ raw: mail(index + 1) })))
  t.teardown(() => server.close())
  const session = await openSession(guardFor(server.port), loginTo(server), {}, signal())
  await session.open('INBOX')
  const uids = await session.list({ from: 1, since: null })
  server.mailbox(user).remove('INBOX', 7)
  server.faults.failUids = new Set([3, 222])
  server.faults.cutUids = new Set([420])
  const got = await all(session, uids)
  const missing = uids.filter((uid) => !got.some((message) => message.uid === uid))
  t.same(missing, [3, 7, 222, 420], 'refused, gone, refused, and hung up on')
  t.equal(new Set(got.map(({ uid }) => uid)).size, got.length, 'none twice')
  t.ok(got.every(({ uid, raw }) => raw.equals(mail(uid))))
  await session.close()
})

t.test('reading may stop in the middle; while it goes on nothing else is asked', async (t) => {
  const server = await serverWith(Array.from({ length: 30 }, (_, index) => ({ raw: mail(index + 1) })))
  t.teardown(() => server.close())
  const session = await openSession(guardFor(server.port), loginTo(server), {}, signal())
  await session.open('INBOX')
  for await (const message of session.fetch([1, 2, 3, 4])) {
    await t.rejects(session.list({ from: 1, since: null }), {
      message: 'A mailbox session does one thing at a time',
    })
    if (message.uid === 2) break
  }
  t.equal((await session.list({ from: 1, since: null })).length, 30)
  await session.close()
})

t.test(
  'copies are appended read, with their date, and found again by the whole Message-ID only',
  async (t) => {
    const server = await serverWith([])
    t.teardown(() => server.close())
    const session = await openSession(guardFor(server.port), loginTo(server), {}, signal())
    await session.append('Sent', mail('xa'), new Date('2026-01-02T03:04:05Z'))
    await session.append('Sent', mail('a'), new Date())
    await session.open('Sent')
    t.same(await session.findById('message-id', '<a@example.test>'), [2])
    t.same(await session.findById('message-id', 'nobody@example.test'), [])
    const [copy] = await all(session, [1])
    t.match(copy, { flags: ['seen'], receivedAt: '2026-01-02T03:04:05.000Z', raw: mail('xa') })
    t.match(await refusedWith(t, session.append('Nowhere', mail(1), new Date())), {
      code: 'append-refused',
    })
    t.match(await refusedWith(t, session.open('Nowhere')), { kind: 'gone', code: 'folder-missing' })
    await session.close()
  },
)

t.test('no failure of a search looks like an empty mailbox', async (t) => {
  const server = await serverWith([{ raw: mail(1) }])
  t.teardown(() => server.close())
  const session = await openSession(guardFor(server.port), loginTo(server), {}, signal())
  await session.open('INBOX')
  server.faults.failSearch = true
  t.match(await refusedWith(t, session.list({ from: 1, since: null })), {
    kind: 'temporary',
    code: 'command-refused',
  })
  server.cut()
  t.match(await refusedWith(t, session.list({ from: 1, since: null })), {
    kind: 'temporary',
    code: 'connection-lost',
  })
  await session.close()
})

t.test('a login that cannot be made says why, and whether a person is needed', async (t) => {
  const server = await serverWith([])
  t.teardown(() => server.close())
  const guard = guardFor(server.port)
  const wrong = openSession(guard, loginTo(server, { password: new Secret('wrong') }), {}, signal())
  t.match(await refusedWith(t, wrong), { kind: 'sign-in-again', code: 'login-rejected' })
  server.faults.loginDisabled = true
  t.match(await refusedWith(t, openSession(guard, loginTo(server), {}, signal())), { code: 'login-disabled' })
  const stopped = new AbortController()
  stopped.abort()
  t.match(await refusedWith(t, openSession(guard, loginTo(server), {}, stopped.signal)), { code: 'stopped' })
})

t.test('a mailbox of a thousand messages comes whole over STARTTLS, in ranges', async (t) => {
  const server = await serverWith(
    Array.from({ length: 1000 }, (_, index) => ({ raw: mail(index + 1) })),
    { encryption: 'starttls' },
  )
  t.teardown(() => server.close())
  const session = await openSession(
    guardFor(server.port),
    loginTo(server, { encryption: 'starttls' }),
    {},
    signal(),
  )
  const { messages } = await session.open('INBOX')
  const got = await all(session, await session.list({ from: 1, since: null }))
  t.equal(got.length, messages)
  t.notMatch(server.wire().toString('latin1'), password)
  await session.close()
})
