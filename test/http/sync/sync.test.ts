import { randomBytes } from 'node:crypto'
import { Kysely, PostgresDialect } from 'kysely'
import t from 'tap'
import { stems } from '../../../src/adapters/mime/words/languages.ts'
import { trackingOfMail } from '../../../src/adapters/tracking/mail-tracker.ts'
import { trackingTokens } from '../../../src/adapters/tracking/token.ts'
import { trackHtml } from '../../../src/adapters/tracking/track-html.ts'
import { postgresApiKeys } from '../../../src/adapters/postgres/api-keys.ts'
import { postgresBlobStore } from '../../../src/adapters/postgres/blob-store.ts'
import { postgresEventStore } from '../../../src/adapters/postgres/event-log/event-store.ts'
import { postgresIdempotency } from '../../../src/adapters/postgres/idempotency.ts'
import { postgresLeases } from '../../../src/adapters/postgres/leases.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { readModelsEqualRebuild } from '../../../scripts/lib/equals-rebuild.ts'
import { projectionRunner } from '../../../src/adapters/postgres/projections/run/runner.ts'
import { requestSync } from '../../../src/commands/accounts/request-sync.ts'
import { newEvent } from '../../../src/commands/handle.ts'
import { syncCommands } from '../../../src/commands/sync/sync.ts'
import { OrganizationRecorded } from '../../../src/domain/directory/events.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { EmailSent, EmailQueued } from '../../../src/domain/sending/events.ts'
import { storedKey } from '../../support/stored-key.ts'
import { dismissWithheld } from '../../../src/commands/accounts/dismiss-withheld.ts'
import { accountList } from '../../../src/projections/accounts/account-list.ts'
import { accountQueries } from '../../../src/projections/accounts/accounts.ts'
import { isWithheld } from '../../../src/projections/sync/sync-errors.ts'
import { messageContentRoutes } from '../../../src/http/sync/message-content.ts'
import { messageRoutes } from '../../../src/http/sync/messages.ts'
import { buildServer } from '../../../src/http/server/server.ts'
import { syncRoutes } from '../../../src/http/sync/sync.ts'
import { syncProjections, syncQueries } from '../../../src/projections/sync/sync.ts'
import { nothingVisible } from '../../../src/domain/visibility.ts'
import { serverSettings } from '../../support/server-settings.ts'
import { testDatabase } from '../../support/test-database.ts'
import { exampleQueued, idOf } from '../../support/example-emails.ts'
import { callerNow, hostileMail, mail, outcomeOf, syncRig } from '../../support/mailbox-to-sync.ts'
import { accountId, placeOf, synced } from '../../support/example-sync-events.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)
const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
const store = postgresEventStore(pool)
t.teardown(() => store.close())
const leases = postgresLeases(pool, { owner: 'test' })
const blobs = postgresBlobStore(pool)
const accountsHere = accountQueries(db, { titleOf: () => 'IMAP' })
const projections = [accountList, ...syncProjections]
const queries = syncQueries(db, {
  visibilityOf: async () => 'everything',
  mayRead: async () => true,
  sendOnlyAccounts: async () => [],
  stems,
})
const silent = { info: () => {}, error: (fields: object, message: string) => console.error(fields, message) }
const runner = projectionRunner({ store, pool, leases, projections, log: silent })
const stopping = new AbortController()
const running = runner.start(stopping.signal)
t.teardown(async () => {
  stopping.abort()
  await running
})

const keys = [{ id: 0, key: randomBytes(32) }]
const tokens = trackingTokens(keys)
const tracking = trackingOfMail(keys, null)
t.teardown(() => tracking.close())
const original = '<p>Hello <b>you</b>, <a href="https://acme.test/x">here</a></p><script>alert(1)</script>'
const copy = { outgoingId: idOf('out', 1), recipient: 0, opens: true, clicks: true }
const tracked = trackHtml(original, copy, tokens, 'https://track.acme.test')

/** As mail programs write out what they quote. */
const inText = (html: string): string =>
  [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, url]) => `> here <${url}>`).join('\r\n')

const withAttachment = (): string => {
  const name = `filename*=UTF-8''%C3%A4%22.svg`
  const encoding = 'Content-Transfer-Encoding: base64'
  const content = Buffer.from('<svg/>').toString('base64')
  return [
    `--b\r\nContent-Type: text/plain\r\n\r\nsee below\r\n${inText(tracked.html)}`,
    `--b\r\nContent-Type: image/svg+xml\r\nContent-Disposition: attachment; ${name}\r\n${encoding}\r\n\r\n${content}`,
    '--b--',
  ].join('\r\n')
}

const rig = await syncRig(t, {
  parts: {
    store,
    blobs,
    leases,
    known: {
      among: queries.knownAmong,
      page: queries.knownPage,
      isDeleted: async (id) => (await queries.deletedAmong([id]))[0] === true,
      catchUp: async () => runner.waitFor(queries.readModels.placements.name, (await store.head())!, 120_000),
    },
  },
  inbox: [
    mail(1, { Subject: 'Offer', 'Message-ID': '<1@x.test>' }),
    mail(2, { Subject: 'Re: Offer', References: '<1@x.test>' }),
    hostileMail(3),
    mail(4, { 'Content-Type': 'text/html' }, tracked.html),
    mail(5, { 'MIME-Version': '1.0', 'Content-Type': 'multipart/mixed; boundary=b' }, withAttachment()),
  ],
  sent: [mail('s', { From: 'me@acme.test', 'In-Reply-To': '<2@x.test>' })],
})
const { lastRun } = queries

const apiKeys = postgresApiKeys(pool)
const { token } = await storedKey(apiKeys)
const app = await buildServer({
  clock: rig.deps.clock,
  apiKeys,
  idempotency: postgresIdempotency(pool),
  fingerprintKey: Buffer.alloc(32, 7),
  waitFor: (name, position, ms) => runner.waitFor(name, position, ms),
  logLevel: 'silent',
  ...serverSettings,
  trustProxy: [],
})
t.teardown(() => app.close())
const { signal } = stopping
const accountsDoor = {
  commands: {
    requestSync: requestSync(rig.deps),
    dismissWithheld: dismissWithheld({ ...rig.deps, isWithheld: isWithheld(db) }),
  },
  queries: accountsHere,
}
syncRoutes(app, { accounts: accountsDoor, queries, clock: rig.deps.clock })
messageRoutes(app, {
  commands: syncCommands({
    ...queries,
    ...rig.deps,
    findThread: queries.threadWithMembers,
    caughtUp: async () => true,
  }),
  queries,
  accountList,
  signal,
})
messageContentRoutes(app, {
  queries,
  accountList,
  blobs,
  parser: rig.deps.parser,
  untrack: tracking.untrack,
  signal,
})

const authorization = `Bearer ${token.reveal()}`
/** Asks for what includes everything that was appended so far. */
const get = async (url: string) => {
  const position = await store.head()
  const join = url.includes('?') ? '&' : '?'
  return app.inject({ url: `${url}${join}min_position=${position}`, headers: { authorization } })
}
const post = (url: string) => app.inject({ method: 'POST', url, headers: { authorization } })
const account = `/v1/email-accounts/${accountId}`
const caughtUp = async () => {
  const head = (await store.head())!
  for (const { name } of projections) await runner.waitFor(name, head, 120_000)
}
type Page = { data: Record<string, unknown>[]; nextCursor: string | null; hasMore: boolean }
const dataOf = async (url: string): Promise<Record<string, unknown>[]> => (await get(url)).json<Page>().data

t.test('a new account is due, and its first run shows in status, history and errors', async (t) => {
  await caughtUp()
  t.match(await queries.dueAccounts(new Date(Date.now() + 1000), 5), [
    { accountId, trigger: 'connect', lastRun: 0 },
  ])
  t.match((await get(`${account}/sync-status`)).json(), { status: 'connecting', lastSync: 'never' })

  t.equal(outcomeOf(await rig.run(undefined, 'connect', { lastRun })), 'partial')
  const status = (await get(`${account}/sync-status`)).json()
  t.match(status, {
    status: 'degraded',
    reasons: [{ code: 'unreadable-messages', detail: /^1 message could/, remedy: /retry or skip/ }],
    running: false,
    lastSync: 'just now',
    unreadable: 1,
    withheld: 0,
    statistics: { emailsSynced: 5, todaysReceives: 4, todaysSendsElsewhere: 1, todaysSends: 0 },
    timeZone: 'UTC',
  })
  t.match(await dataOf(`${account}/sync-runs`), [
    { number: 1, direction: 'Both', count: 5, status: 'Partial (1 failed)', trigger: 'connect' },
  ])
  t.match((await get(`${account}/sync-runs/1`)).json(), {
    folders: [
      { folder: 'INBOX', listed: 5, stored: 4, failed: 1 },
      { folder: 'Sent', listed: 1, stored: 1 },
    ],
    failures: [{ folder: 'INBOX', ref: /\.0*3$/, reason: /header/ }],
  })
  t.equal((await get(`${account}/sync-runs/2`)).statusCode, 404)
  t.match(await dataOf(`${account}/sync-errors`), [
    { kind: 'unreadable', folder: 'INBOX', ref: /\.0*3$/, attempts: 1 },
  ])
  t.strictSame(await queries.dueAccounts(new Date(), 5), [], 'it is due later')
})

t.test('sync now makes the account due, whose run stores nothing twice', async (t) => {
  const asked = await post(`${account}/sync-runs`)
  t.equal(asked.statusCode, 202)
  t.ok(asked.headers['event-position'])
  await caughtUp()
  t.match(await queries.dueAccounts(new Date(), 5), [{ trigger: 'request', lastRun: 1 }])
  t.equal(outcomeOf(await rig.run(undefined, 'request', { lastRun })), 'success')
  t.match(await dataOf(`${account}/sync-runs?limit=1`), [
    { number: 2, count: 0, status: 'Success', trigger: 'request' },
  ])
  const status = (await get(`${account}/sync-status`)).json()
  t.match(status, { status: 'degraded', unreadable: 1 }, 'what could not be read still is not')
  const first = (await get(`${account}/sync-runs?limit=1`)).json<Page>()
  t.match(await dataOf(`${account}/sync-runs?limit=1&cursor=${first.nextCursor}`), [{ number: 1 }])
})

t.test('messages are listed by account, folder and thread, page by page, each once', async (t) => {
  const subjects = async (url: string) => (await dataOf(url)).map(({ subject }) => subject)
  const all = await subjects(`/v1/messages?account=${accountId}`)
  t.strictSame(new Set(all), new Set(['Offer', 'Re: Offer', 'subject 4', 'subject 5', 'subject s']))
  t.equal(all.length, 5)
  t.strictSame(await subjects(`/v1/messages?account=${accountId}&folder=sent`), ['subject s'])
  t.equal((await subjects(`/v1/messages?account=${accountId}&folder=INBOX`)).length, 4)
  t.strictSame(await subjects(`/v1/messages?account=${accountId}&folder=none`), [])
  for (const query of ['', '&folder=inbox']) {
    const seen: unknown[] = []
    let cursor = ''
    do {
      const page = (await get(`/v1/messages?account=${accountId}${query}&limit=2${cursor}`)).json<Page>()
      seen.push(...page.data.map(({ id }) => id))
      cursor = page.hasMore ? `&cursor=${page.nextCursor}` : ''
    } while (cursor !== '')
    t.equal(new Set(seen).size, seen.length)
    t.equal(seen.length, query === '' ? 5 : 4)
  }
  t.equal((await get('/v1/messages')).statusCode, 400)

  const thread = (await dataOf(`/v1/threads?account=${accountId}`)).find(
    ({ messageCount }) => messageCount === 3,
  )
  t.match(thread, { subject: 'Offer', messageCount: 3 })
  const detail = (await get(`/v1/threads/${String(thread!.id)}`)).json<{ messages: Page }>()
  t.equal(detail.messages.data.length, 3)
  t.strictSame(await dataOf(`/v1/messages?thread=${String(thread!.id)}`), detail.messages.data)
  const [message] = detail.messages.data
  t.match((await get(`/v1/messages/${String(message!.id)}`)).json(), {
    threadId: thread!.id,
    placements: [{ ref: /./ }],
  })
})

t.test(
  'the bytes of a message are had raw, as text, as HTML and by attachment, and nothing of it runs',
  async (t) => {
    const idOfSubject = async (subject: string) =>
      String((await dataOf(`/v1/messages?account=${accountId}`)).find((row) => row.subject === subject)!.id)
    const html = await idOfSubject('subject 4')
    const inInbox = rig.mailbox.messages('INBOX').find(({ uid }) => uid === 4)
    const raw = await get(`/v1/messages/${html}/raw`)
    t.ok(raw.rawPayload.equals(inInbox!.raw), 'byte for byte')
    t.match((await get(`/v1/messages/${html}/body`)).json(), { hasHtml: true })
    const page = await get(`/v1/messages/${html}/body/html`)
    t.ok(raw.rawPayload.includes('https://track.acme.test/t/o/'))
    t.equal(page.payload.trim(), original, 'without our pixel, and with the links as they were')
    const file = await idOfSubject('subject 5')
    t.strictSame((await get(`/v1/messages/${file}/body`)).json(), {
      text: 'see below\n> here <https://acme.test/x>\n> here <>\n',
      hasHtml: false,
    })
    const whole = await get(`/v1/messages/${file}`)
    t.match(whole.json(), {
      attachmentCount: 1,
      attachments: [{ index: 0, name: 'ä".svg', contentType: 'image/svg+xml', size: 6 }],
    })
    t.notMatch(whole.payload, /"(?:raw|blob)"/, 'where its bytes are kept is told to nobody')
    const attachment = await get(`/v1/messages/${file}/attachments/0`)
    t.equal(attachment.payload, '<svg/>')
    t.match(
      attachment.headers['content-disposition'],
      /^attachment; filename="__.svg"; filename\*=UTF-8''%C3%A4%22\.svg$/,
    )
    t.equal(
      attachment.headers['content-type'],
      'application/octet-stream',
      'what a browser would run is called bytes',
    )
    for (const answer of [raw, page, attachment])
      t.match(answer.headers, {
        'content-disposition': /^attachment; /,
        'content-security-policy': /^sandbox; default-src 'none'$/,
        'x-content-type-options': 'nosniff',
      })
    t.equal((await get(`/v1/messages/${file}/attachments/1`)).statusCode, 404)
    t.equal((await get(`/v1/messages/${idOf('msg', 1)}`)).statusCode, 404)
    t.equal((await get(`/v1/messages/${html}/body/html?x=1`)).statusCode, 400)
  },
)

t.test('a quarantined message is had raw, retried and skipped', async (t) => {
  const [error] = await dataOf(`${account}/sync-errors`)
  const id = String(error!.messageId)
  t.match((await get(`/v1/messages/${id}`)).json(), { quarantined: /header/ })
  t.match((await get(`/v1/messages/${id}/body`)).json(), { code: 'message-unreadable', status: 422 })
  t.equal((await get(`/v1/messages/${id}/raw`)).rawPayload.length, hostileMail(3).raw.length)
  t.match((await post(`/v1/messages/${id}/retry`)).json(), { status: 'quarantined', became: null })
  t.match(await dataOf(`${account}/sync-errors`), [{ attempts: 2 }])
  t.match((await post(`/v1/messages/${id}/skip`)).json(), { status: 'skipped' })
  t.strictSame(await dataOf(`${account}/sync-errors`), [])
  t.match((await get(`${account}/sync-status`)).json(), { status: 'active', reasons: [], unreadable: 0 })
  t.match((await post(`/v1/messages/${id}/retry`)).json(), { status: 422, code: 'message-not-quarantined' })
})

const append = (stream: string, ...events: DomainEvent[]) =>
  store.append({
    stream,
    expected: 'no_stream',
    events: events.map((event) =>
      newEvent(event, crypto.randomUUID(), callerNow(), new Date().toISOString()),
    ),
  })

t.test('an email of ours is one with its copy, and today is the organisation’s day', async (t) => {
  const outgoingId = idOf('out', 1)
  await append(
    'organization-main',
    OrganizationRecorded({
      organization: { name: 'Acme', timeZone: 'Pacific/Kiritimati', ...nothingVisible },
    }),
  )
  const at = (hour: number) => new Date(Date.UTC(2026, 5, 10, hour)).toISOString()
  const rest = {
    attempt: 1,
    template: null,
    first: true,
    accepted: [],
    deferred: [],
    retryAt: null,
    refused: [],
    evidence: 'answer' as const,
  }
  await append(
    `outgoing-${outgoingId}`,
    EmailQueued({ ...exampleQueued(), accountId, outgoingId }),
    EmailSent({ outgoingId, accountId, sentAt: at(11), ...rest }),
  )
  const copy = synced(900, { outgoingId, direction: 'out', placement: placeOf(900, 'Sent') })
  await append(`message-${idOf('msg', 900)}`, copy)
  const own = (await dataOf(`/v1/messages?account=${accountId}`)).filter(({ id }) =>
    String(id).startsWith('out_'),
  )
  t.match(own, [{ id: outgoingId, folders: ['Sent'] }])
  t.match(
    (await get(`/v1/messages/${idOf('msg', 900)}`)).json(),
    { id: outgoingId },
    'by the id of its copy, too',
  )
  await caughtUp()
  const sends = async (now: string) =>
    (await queries.findFigures(accountId, new Date(now)))?.statistics.todaysSends
  t.equal(await sends(at(10)), 1, 'eleven in London is the eleventh of June there, as ten is')
  t.equal(await sends(at(9)), 0)
  const all = async (now: string) => (await queries.figuresToday(null, new Date(now))).sent
  t.same([await all(at(10)), await all(at(9))], [1, 0], 'for all figures alike')
})

t.test('every read model of sync is what a rebuild from the log gives', async (t) => {
  await caughtUp()
  for (const { projection, table, equal } of await compared()) t.ok(equal, `${projection}.${table}`)
})

const compared = async () => readModelsEqualRebuild({ store, pool, projections })
