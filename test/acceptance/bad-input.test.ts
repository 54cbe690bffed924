import { randomBytes } from 'node:crypto'
import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { imapServer, smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { testTls } from '../../scripts/lib/mail-servers/tls.ts'
import { addressesIn } from '../../scripts/demo/world.ts'
import { startApp } from '../support/running-app.ts'
import { lastingState, problemIn } from '../support/problem-answers.ts'
import { syncing } from '../support/awaited-sync-runs.ts'

const user = 'sarah@acme.test'
const [password, wrongPassword] = ['right', 'wrong'].map(
  (name) => `${name}-${randomBytes(12).toString('hex')}`,
) as [string, string]
const tls = await testTls()
const users = { [user]: { password, folders: [{ path: 'Sent', use: '\\Sent' }] } }
const imap = await imapServer({ encryption: 'tls', tls: tls.good, users })
const sink = await smtpSink({ encryption: 'starttls', tls: tls.good, users: { [user]: password } })
t.teardown(() => Promise.all([imap.close(), sink.close()]))
const app = await startApp(t, { ca: tls.ca, ports: [imap.port, sink.port] })
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

const hello = (changes: object = {}) => ({
  email: {
    accountId: account,
    to: [{ address: 'mia@client.test' }],
    subject: 'Hello',
    html: '<p>Hi</p>',
    ...changes,
  },
  undoSeconds: 0,
})
const BREAK = 'a@b.test\r\nBcc: evil@x.test'

t.test('a line break goes into no address, name, subject or login: the field is named', async (t) => {
  const before = await state()
  const settings = (changes: object) => accountWith({}, { settings: changes })
  const login = (changes: object) => accountWith({ imap: server(imap.port, 'tls', changes) })
  const named: [method: string, path: string, body: object, field: RegExp][] = [
    ['POST', '/v1/outbox', hello({ to: [{ address: BREAK }] }), /to\/0\/address/],
    ['POST', '/v1/outbox', hello({ cc: [{ address: BREAK }] }), /cc\/0\/address/],
    ['POST', '/v1/outbox', hello({ bcc: [{ address: BREAK }] }), /bcc\/0\/address/],
    ['POST', '/v1/outbox', hello({ to: [{ address: 'a@b.test', name: BREAK }] }), /to\/0\/name/],
    ['POST', '/v1/outbox', hello({ subject: `Hello\r\nBcc: evil@x.test` }), /subject/],
    ['POST', '/v1/drafts', hello({ to: [{ address: BREAK }] }).email, /to\/0\/address/],
    ['POST', '/v1/email-accounts', accountWith({}, { address: BREAK }), /address/],
    ['POST', '/v1/email-accounts', settings({ replyTo: BREAK }), /settings\/replyTo/],
    ['POST', '/v1/email-accounts', settings({ displayName: BREAK }), /settings\/displayName/],
    ['POST', '/v1/email-accounts', login({ username: `${user}\r\nA9 DELETE Sent` }), /imap\/username/],
    [
      'POST',
      '/v1/email-accounts',
      login({ password: `${wrongPassword}\r\nA9 DELETE Sent` }),
      /imap\/password/,
    ],
    ['PUT', '/v1/directory/users/u-1', { name: 'Sarah', email: BREAK }, /email/],
    ['PUT', '/v1/directory/contacts/c-1', { firstName: 'Mia', emails: [BREAK] }, /emails\/0/],
  ]
  for (const [method, to, body, field] of named) {
    const { errors } = problemIn(t, await app.ask(method, to, { body }), 400, 'invalid-request')
    t.match(
      errors,
      [{ path: field, message: /is not an email address|has a control character/ }],
      `${to} ${field}`,
    )
  }
  const file = `/v1/attachments?name=${encodeURIComponent('a.pdf"\r\nX-Evil: 1')}`
  problemIn(t, await app.ask('POST', file, { body: Buffer.from('%PDF') }), 400, 'invalid-request')
  t.same(await state(), before)
  t.equal(sink.messages.length, 0)
})

t.test('files beyond what mail can carry are refused, with the limit, however they come', async (t) => {
  const before = await state()
  const film = '/v1/attachments?name=film.mp4'
  const large = Buffer.alloc(50 * 1024 * 1024, 'film')
  const inPieces = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      controller.enqueue(large.subarray(0, 1024 * 1024))
    },
  })
  for (const body of [large, inPieces]) {
    const headers = { 'content-type': 'video/mp4' }
    const problem = problemIn(t, await app.ask('POST', film, { body, headers }), 413, 'body-too-large')
    t.match(problem.remedy, /25 MB/)
  }
  const html = 'x'.repeat(3 * 1024 * 1024)
  problemIn(t, await app.ask('POST', '/v1/outbox', { body: hello({ html }) }), 413, 'body-too-large')
  t.same(await state(), before)

  const piece = await app.ask('POST', film, { body: large.subarray(0, 1024 * 1024) })
  t.equal(piece.status, 201)
  const uploaded = await state()
  const attachments = Array.from({ length: 26 }, () => piece.json)
  const together = await app.ask('POST', '/v1/outbox', { body: hello({ attachments }) })
  t.match(problemIn(t, together, 422, 'attachments-too-large').detail, /25 MB together/)
  t.same(await state(), uploaded)
})

t.test('a variable that is unknown or has no value stops the message, and the draft stays', async (t) => {
  const contact = { firstName: 'Mia', emails: ['mia@client.test'] }
  await client.send('PUT', '/v1/directory/contacts/c-mia', contact)
  const template = {
    scope: 'shared',
    name: 'Offer',
    subject: 'Hi {contact.frist_name}',
    body: { format: 'html', source: '<p>x</p>' },
  }
  const draft = async (html: string) => {
    const { body } = await client.send<{ id: string }>('POST', '/v1/drafts', {
      ...hello({ html, contactId: 'c-mia' }).email,
    })
    return body.id
  }
  const unknown = await draft('<p>About {deal.nam}</p>')
  const missing = await draft('<p>{contact.phone}</p><p>{deal.name}</p><p>{contact.title|friend}</p>')
  const before = await state()
  const send = (draftId: string) => app.ask('POST', '/v1/outbox', { body: { draftId, undoSeconds: 0 } })

  const inTemplate = problemIn(
    t,
    await app.ask('POST', '/v1/templates', { body: template }),
    422,
    'unknown-variable',
  )
  t.match(JSON.stringify(inTemplate.details), /contact\.first_name/, 'the nearest one is offered')
  const inMessage = problemIn(t, await send(unknown), 422, 'unknown-variable')
  t.match(JSON.stringify(inMessage.details), /deal\.name/)
  const { details } = problemIn(t, await send(missing), 422, 'variable-without-value')
  t.match(JSON.stringify(details), /contact\.phone.*deal\.name/, 'all that are missing')
  t.notMatch(JSON.stringify(details), /contact\.title/, 'but not one with a fallback')

  t.same(await state(), before)
  const drafts = await client.get<{ data: { id: string }[] }>('/v1/drafts')
  t.same(drafts.data.map(({ id }) => id).toSorted(), [unknown, missing].toSorted())
  t.equal(sink.messages.length, 0)
})

t.test('of broken tracking tokens nothing is recorded, and a broken link leads nowhere', async (t) => {
  const html = '<p><a href="https://acme.test/offer">Our offer</a></p>'
  const { body: email } = await client.send<{ id: string }>('POST', '/v1/outbox', hello({ html }))
  const { pixel, links } = addressesIn(await sink.mailWith(email.id))
  const [openPath, clickPath] = [pixel!, links[0]!].map((url) => new URL(url).pathname)
  const hits = async () => {
    const { rows } = await app.pool.query<{ type: string }>(
      `select type from es.events where type in ('OpenTracked', 'ClickTracked')`,
    )
    return rows.map(({ type }) => type)
  }
  const broken = (good: string) => [
    good.slice(0, 40) + (good[40] === 'A' ? 'B' : 'A') + good.slice(41),
    good.slice(0, -4),
    good.replace(/[^/]+$/, 'nonsense'),
    good.replace(/[^/]+$/, encodeURIComponent('../../v1/email-accounts')),
    good.replace(/[^/]+$/, 'A'.repeat(3000)),
  ]
  const otherKind = [clickPath!.replace('/t/c/', '/t/o/'), openPath!.replace('/t/o/', '/t/c/')]
  for (const bad of [...broken(openPath!), otherKind[0]!]) {
    const { status, headers, bytes } = await app.ask('GET', bad, { key: null })
    t.same([status, headers.get('content-type')], [200, 'image/gif'])
    t.equal(bytes.subarray(0, 6).toString(), 'GIF89a', 'the picture shows all the same')
  }
  for (const bad of [...broken(clickPath!), otherKind[1]!]) {
    const { status, headers, bytes } = await app.ask('GET', bad, { key: null })
    t.same([status, headers.get('location')], [404, null])
    t.match(bytes.toString(), /link is not valid/)
  }
  // Hits are recorded in their order: when a good one is there, the bad ones before it would be.
  const { status, headers } = await app.ask('GET', clickPath!, { key: null })
  t.same([status, headers.get('location')], [302, 'https://acme.test/offer'])
  await until('The click', hits, (found) => found.length > 0)
  t.same(await hits(), ['ClickTracked'])
  const tokens = [openPath!, clickPath!].map((found) => found.split('/').at(-1)!)
  const sent = () => client.get<{ copy: string | null }>(`/v1/outbox/${email.id}`)
  await until('The copy in Sent', sent, ({ copy }) => copy === 'filed')
  t.same(
    app.log.filter((line) => tokens.some((token) => line.includes(token))),
    [],
    'no token is in the log',
  )
})

t.test('a change that is based on an old version, or on none, is refused', async (t) => {
  const template = await client.send<{ id: string }>('POST', '/v1/templates', {
    scope: 'shared',
    name: 'Versions',
    subject: 'One',
    body: { format: 'html', source: '<p>One</p>' },
  })
  const draft = await client.send<{ id: string }>('POST', '/v1/drafts', hello().email)
  const changes: [method: string, path: string, body: object, again: object][] = [
    ['PATCH', `/v1/templates/${template.body.id}`, { subject: 'Two' }, { subject: 'Three' }],
    ['PATCH', `/v1/drafts/${draft.body.id}`, { subject: 'Two' }, { subject: 'Three' }],
    ['PATCH', `${path}/settings`, { displayName: 'Two' }, { displayName: 'Three' }],
    ['PUT', `${path}/signature`, { html: '<p>Two</p>' }, { html: '<p>Three</p>' }],
    [
      'PUT',
      `${path}/connection`,
      { connection: connectionTo(good) },
      { connection: connectionTo({ smtp: good.smtp }) },
    ],
  ]
  // Of the change before: what is read then shows it.
  let { position } = draft
  for (const [method, of, body, again] of changes) {
    const resource = of.replace(/\/(settings|signature|connection)$/, '')
    const stale = (await app.ask('GET', `${resource}?min_position=${position}`)).headers.get('etag')!
    const first = await app.ask(method, of, { body, headers: { 'if-match': stale } })
    t.equal(first.status, 200, `${method} ${of}`)
    position = first.headers.get('event-position')
    // From elsewhere is synced at once.
    if (of.endsWith('/connection')) await sync.after(1)
    const before = await state()
    const tried = (ifMatch: Record<string, string>) => app.ask(method, of, { body: again, headers: ifMatch })
    const { details } = problemIn(t, await tried({ 'if-match': stale }), 412, 'stale-version')
    t.match(details, { expected: stale, actual: first.headers.get('etag') }, 'it says which one is current')
    problemIn(t, await tried({}), 428, 'if-match-required')
    for (const other of [`W/${first.headers.get('etag')}`, '"one"', `"one", ${stale}`])
      problemIn(t, await tried({ 'if-match': other }), 412, 'stale-version')
    problemIn(t, await tried({ 'if-match': '1' }), 400, 'invalid-if-match')
    t.same(await state(), before)
  }
})

t.test('the account still works after all that, and no secret was said', async (t) => {
  t.equal((await sync.now()).status, 'Success')
  t.equal(imap.mailbox(user).messages('Sent').length, 1, 'the mailbox has what was sent and nothing less')
  const key = await app.makeKey('accounts:read')
  t.equal((await app.ask('GET', '/v1/email-accounts', { key: `${key.slice(0, -1)}x` })).status, 401)
  t.same(await app.leaks([password, wrongPassword, app.key]), [])
  t.same(await app.leaks([key]), ['answer: POST /v1/api-keys'], 'a key is in the answer that makes it alone')
})
