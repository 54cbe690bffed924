import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { Kysely, PostgresDialect } from 'kysely'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { postgresApiKeys } from '../../../src/adapters/postgres/api-keys.ts'
import { postgresEventStore } from '../../../src/adapters/postgres/event-log/event-store.ts'
import { postgresIdempotency } from '../../../src/adapters/postgres/idempotency.ts'
import { postgresLeases } from '../../../src/adapters/postgres/leases.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { readModelsEqualRebuild } from '../../../scripts/lib/equals-rebuild.ts'
import { projectionRunner } from '../../../src/adapters/postgres/projections/run/runner.ts'
import { isKnownBot } from '../../../src/adapters/tracking/known-bots.ts'
import { networks } from '../../../src/adapters/tracking/networks.ts'
import { openSpool } from '../../../src/adapters/tracking/spool.ts'
import { trackingTokens } from '../../../src/adapters/tracking/token.ts'
import { trackHtml } from '../../../src/adapters/tracking/track-html.ts'
import { newEvent } from '../../../src/commands/handle.ts'
import { trackingCommands } from '../../../src/commands/tracking/tracking.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { OrganizationRecorded } from '../../../src/domain/directory/events.ts'
import { TemplateCreated } from '../../../src/domain/templates/events.ts'
import { storedKey } from '../../support/stored-key.ts'
import { analyticsRoutes } from '../../../src/http/analytics/analytics.ts'
import { buildServer } from '../../../src/http/server/server.ts'
import { PIXEL, trackingHitRoutes, trackingReportRoutes } from '../../../src/http/tracking/tracking.ts'
import { analyticsProjections, analyticsQueries } from '../../../src/projections/analytics/analytics.ts'
import type { EngagementReport } from '../../../src/projections/analytics/engagement-report.ts'
import type { EmailTracking } from '../../../src/projections/tracking/email-timeline-queries.ts'
import { trackingProjections, trackingQueries } from '../../../src/projections/tracking/tracking.ts'
import { nothingVisible } from '../../../src/domain/visibility.ts'
import { recordedEvents, type Envelope } from '../../support/fold-events.ts'
import { aCaller, CHROME } from '../../support/example-hits.ts'
import { serverSettings } from '../../support/server-settings.ts'
import { testDatabase } from '../../support/test-database.ts'
import { exampleQueued, idOf } from '../../support/example-emails.ts'
import { sentEmail } from '../../support/sent-email.ts'
import { messageIdOf, synced } from '../../support/example-sync-events.ts'

const pool = createPool({ ...(await testDatabase(t)), max: 12 })
t.teardown(() => pool.end())
await migrate(pool)
const store = postgresEventStore(pool)
t.teardown(() => store.close())
const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
const stopping = new AbortController()
const projections = [...trackingProjections, ...analyticsProjections]
const commands = trackingCommands({ store })
const queries = trackingQueries(db, {
  visibilityOf: async () => 'everything',
  mayRead: async () => true,
  sendOnlyAccounts: async () => [],
})
const silent = { info: () => {}, error: (fields: object, message: string) => console.error(fields, message) }
const runner = projectionRunner({
  store,
  pool,
  leases: postgresLeases(pool, { owner: 'test' }),
  projections,
  log: silent,
})
const running = runner.start(stopping.signal)

const folder = t.testdir()
const spool = openSpool({ folder, sealMs: 50, onProblem: (problem) => console.error(problem) })
let storeIsDown = false
let diskIsFull = false
const pumping = spool.pump(async (hits) => {
  if (storeIsDown) throw Object.assign(new Error('down'), { name: 'Expected' })
  await commands.recordHits(aCaller(), hits)
}, stopping.signal)

const tokens = trackingTokens([{ id: 0, key: randomBytes(32) }])
const log: string[] = []
const lost: unknown[] = []
const apiKeys = postgresApiKeys(pool)
const app = await buildServer({
  clock: () => new Date(),
  apiKeys,
  idempotency: postgresIdempotency(pool),
  fingerprintKey: Buffer.alloc(32, 7),
  waitFor: (name, position, limitMs) => runner.waitFor(name, position, limitMs),
  logLevel: 'info',
  ...serverSettings,
  trustProxy: ['127.0.0.1'],
  logTo: { write: (line) => void log.push(line) },
})
trackingHitRoutes(app, {
  tokens,
  spool: {
    record: (hit) => {
      if (diskIsFull) throw new Error('ENOSPC')
      spool.record(hit)
    },
  },
  clock: () => new Date(),
  isOwn: networks(['192.0.2.0/24', '2001:db8::/32']),
  isBot: isKnownBot,
  onLost: (error) => void lost.push(error),
})
const later = () => new Date(Date.now() + 20_000)
const accountList = queries.readModels.emailTimeline
trackingReportRoutes(app, { queries, accountList, clock: later })
analyticsRoutes(app, {
  queries: analyticsQueries(db, { visibleAccounts: async () => 'all' }),
  accountList,
  clock: () => new Date(),
})
const url = await app.listen({ host: '127.0.0.1', port: 0 })
t.teardown(async () => {
  await app.close()
  stopping.abort()
  await Promise.all([running, pumping])
  await spool.close()
})
const key = await storedKey(apiKeys, { scopes: ['tracking:read', 'analytics:read'] })
const authorization = `Bearer ${key.token.reveal()}`

const append = async (...events: (DomainEvent & { envelope?: Envelope })[]): Promise<void> => {
  for (const recorded of recordedEvents(events)) {
    const { type, data, id, stream, metadata } = recorded
    const history = await store.readStream(stream)
    const expected = history.at(-1)?.revision ?? 'no_stream'
    await store.append({
      stream,
      expected,
      events: [newEvent({ type, data }, id, aCaller(), metadata.occurredAt)],
    })
  }
}
const secondsAgo = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString()

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(url + path, {
    method,
    redirect: 'manual',
    headers: { 'user-agent': CHROME, 'x-forwarded-for': '198.51.100.7', ...headers },
  })
const read = async <Body>(path: string): Promise<Body> => {
  const separator = path.includes('?') ? '&' : '?'
  const answer = await get(`${path}${separator}min_position=${await store.head()}`, { authorization })
  t.equal(answer.status, 200, path)
  return (await answer.json()) as Body
}
const settled = async (): Promise<void> => {
  const deadline = performance.now() + 120_000
  while (fs.readdirSync(folder).length > 0) {
    if (performance.now() > deadline) throw new Error('The spool is not emptied')
    await sleep(5)
  }
}
const hitsOf = async (outgoingId: string) =>
  (await store.readStream(`tracking-${outgoingId}`)).map(({ type, data }) => ({
    type,
    data: data as Record<string, unknown>,
  }))
const pathOf = (link: string): string => new URL(link).pathname

/** An email in the log, sent a minute ago, and where its pixel and links lead. */
const mail = async (number: number, template: number | null = null) => {
  const html =
    '<p>Hi</p><a href="https://acme.example/files/proposal.pdf">the proposal</a> <a href="https://acme.example/?a=1&amp;b=2">our site</a>'
  const copy = { outgoingId: idOf('out', number), recipient: 0, opens: true, clicks: true }
  const tracked = trackHtml(html, copy, tokens, 'https://track.example.com')
  const email = sentEmail(number, {
    template: template === null ? null : { templateId: idOf('tpl', template), version: 1 },
    tracking: {
      wanted: { opens: true, clicks: true },
      opens: true,
      clicks: true,
      reason: 'settings',
      links: [...tracked.links],
    },
    header: { ...exampleQueued().header, messageId: `out_${number}@client.test` },
  })
  await append(email.queued, email.released(secondsAgo(61)), email.sent(secondsAgo(60)))
  const [, pixel = ''] = /<img src="([^"]+)"/.exec(tracked.html) ?? []
  const links = [...tracked.html.matchAll(/<a href="([^"]+)"/g)].map(([, link]) => pathOf(link!))
  return { ...email, pixel: pathOf(pixel), links }
}

t.test('from the mail to the report: opens, a click, a reply, delivery, and the sums', async (t) => {
  const email = await mail(1)
  const pixel = await get(email.pixel)
  t.strictSame(
    [pixel.status, pixel.headers.get('content-type'), Buffer.from(await pixel.arrayBuffer())],
    [200, 'image/gif', PIXEL],
  )
  t.equal(PIXEL.length, 43)
  const click = await get(email.links[1]!)
  t.strictSame([click.status, click.headers.get('location')], [302, 'https://acme.example/?a=1&b=2'])
  for (const answer of [pixel, click]) {
    t.equal(answer.headers.get('cache-control'), 'no-store, private, max-age=0')
    t.equal(answer.headers.get('referrer-policy'), 'no-referrer')
    t.equal(answer.headers.get('x-robots-tag'), 'noindex')
    t.equal(answer.headers.get('set-cookie'), null)
  }
  await settled()
  t.match(await hitsOf(email.outgoingId), [
    {
      type: 'OpenTracked',
      data: {
        recipient: 0,
        method: 'GET',
        ip: '198.51.100.7',
        userAgent: CHROME,
        prefetch: false,
        own: false,
        bot: false,
        repeats: 0,
      },
    },
    { type: 'ClickTracked', data: { link: 1, url: 'https://acme.example/?a=1&b=2' } },
  ])

  await append(
    email.delivered(secondsAgo(1)),
    synced(1, { header: { inReplyTo: ['<out_1@client.test>'], from: [{ address: 'ann@client.test' }] } }),
  )
  const position = await store.head()
  t.ok(await runner.waitFor('replies-to-record', position!, 120_000))
  const [due] = await queries.dueReplies(10)
  t.match(due, { outgoingId: email.outgoingId, messageId: messageIdOf(1), from: 'ann@client.test' })
  t.strictSame(await commands.recordReply(aCaller(), due!), { recorded: true })
  t.ok(await runner.waitFor('replies-to-record', (await store.head())!, 120_000))
  t.strictSame(await queries.dueReplies(10), [])

  type Report = EmailTracking & { summary: { lastActivity: string } }
  const report = await read<Report>(`/v1/outbox/${email.outgoingId}/tracking`)
  t.match(report, {
    subject: 'Our offer',
    state: 'sent',
    delivery: { status: 'delivered', basis: 'reply' },
    summary: {
      opens: 1,
      uniqueOpens: 1,
      linkClicks: 1,
      replies: 1,
      attribution: 'recipient',
      lastActivity: 'just now',
      classifierVersion: 2,
    },
  })
  t.strictSame(
    report.activity
      .filter(({ event }) => event !== 'replied')
      .map(({ event, details, recipient }) => [event, details, recipient]),
    [
      ['sent', 'Delivered successfully', null],
      ['opened', 'First open', 'ann@client.test'],
      ['clicked', 'Link: our site', 'ann@client.test'],
    ],
  )
})

t.test(
  'forged and broken tokens: the pixel looks the same, a link leads nowhere, nothing is recorded',
  async (t) => {
    const email = await mail(2)
    const before = await store.head()
    const broken = [...email.links, email.pixel].flatMap((path) => [
      `${path}A`,
      path.slice(0, -1),
      path.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
    ])
    const swapped = [email.pixel.replace('/t/o/', '/t/c/'), email.links[0]!.replace('/t/c/', '/t/o/')]
    for (const path of [
      ...broken,
      ...swapped,
      '/t/o/x',
      '/t/c/x',
      '/t/c/https:%2F%2Fevil.example',
      '/t/o/..%2f',
      `/t/c/${'A'.repeat(4000)}`,
    ]) {
      const answer = await get(path)
      t.equal(answer.headers.get('location'), null)
      if (path.startsWith('/t/o/'))
        t.strictSame([answer.status, Buffer.from(await answer.arrayBuffer())], [200, PIXEL], path)
      else t.strictSame([answer.status, await answer.text()], [404, 'This link is not valid.\n'], path)
    }
    await settled()
    t.equal(await store.head(), before)
  },
)

t.test(
  'HEAD and OPTIONS are answered and not recorded; a prefetch and our own networks are recorded as such',
  async (t) => {
    const email = await mail(3)
    for (const method of ['HEAD', 'OPTIONS']) {
      t.equal((await get(email.pixel, {}, method)).status, method === 'HEAD' ? 200 : 204)
      const link = await get(email.links[0]!, {}, method)
      t.equal(link.status, method === 'HEAD' ? 302 : 204)
      t.equal(
        link.headers.get('location'),
        method === 'HEAD' ? 'https://acme.example/files/proposal.pdf' : null,
      )
    }
    t.equal((await get(email.pixel, {}, 'POST')).status, 405)
    await settled()
    t.strictSame(await hitsOf(email.outgoingId), [])
    await get(email.pixel, { 'sec-purpose': 'prefetch;prerender' })
    await get(email.links[0]!, { 'x-forwarded-for': '192.0.2.77' })
    await get(email.links[1]!, { 'x-forwarded-for': '2001:db8::1', 'user-agent': 'curl/8.5' })
    await settled()
    t.match(
      (await hitsOf(email.outgoingId)).map(({ data: { prefetch, own, bot } }) => [prefetch, own, bot]),
      [
        [true, false, false],
        [false, true, false],
        [false, true, true],
      ],
    )
  },
)

t.test(
  'links work and no hit is lost while the event store is down, and links work when the disk is full',
  async (t) => {
    const email = await mail(4)
    storeIsDown = true
    const problems = console.error
    console.error = () => {}
    const visit = async (n: number): Promise<number> =>
      (await get(email.links[n % 2]!, { 'x-forwarded-for': `203.0.${n >> 8}.${n & 255}` })).status
    const answers: number[] = []
    for (let n = 0; n < 300; n += 20)
      answers.push(...(await Promise.all(Array.from({ length: 20 }, (_, i) => visit(n + i)))))
    t.ok(answers.every((status) => status === 302))
    t.strictSame(await hitsOf(email.outgoingId), [])
    storeIsDown = false
    await settled()
    console.error = problems
    t.equal((await hitsOf(email.outgoingId)).length, 300)

    diskIsFull = true
    t.equal((await get(email.links[0]!)).status, 302)
    t.equal((await get(email.pixel)).status, 200)
    diskIsFull = false
    t.equal(lost.length, 2)
  },
)

t.test('the same request again and again is one event that counts', async (t) => {
  const email = await mail(5)
  await Promise.all(Array.from({ length: 25 }, () => get(email.pixel)))
  await settled()
  const hits = await hitsOf(email.outgoingId)
  t.equal(
    hits.reduce((sum, { data }) => sum + 1 + Number(data.repeats), 0),
    25,
  )
  const { summary } = await read<{ summary: { opens: number } }>(`/v1/outbox/${email.outgoingId}/tracking`)
  t.equal(summary.opens, 1)
})

t.test(
  'the report of a period adds up its messages, by template and account, with the denominators of the documentation',
  async (t) => {
    await append(
      {
        ...OrganizationRecorded({
          organization: { name: 'Acme', timeZone: 'Pacific/Auckland', ...nothingVisible },
        }),
        envelope: { stream: 'organization-main' },
      },
      {
        ...TemplateCreated({
          templateId: idOf('tpl', 9),
          version: 1,
          scope: { kind: 'shared' },
          content: { name: 'Follow-up Email', subject: 's', body: { format: 'html', source: '' } },
        }),
        envelope: { stream: 'template-9' },
      },
    )
    const messages = await Promise.all([11, 12, 13].map((number) => mail(number, 9)))
    await append(...messages.slice(0, 2).map((email) => email.delivered(secondsAgo(0))))
    await get(messages[0]!.pixel)
    await get(messages[0]!.links[0]!)
    await settled()
    type Report = EngagementReport
    const of = await read<Report>(`/v1/analytics/engagement?period=last_7_days&template=${idOf('tpl', 9)}`)
    t.match(of, {
      timeZone: 'Pacific/Auckland',
      totals: {
        sent: 3,
        delivered: { count: 2, percent: 66.7 },
        opened: { count: 1, percent: 50 },
        clicked: { count: 1, percent: 50 },
        replied: { count: 0, percent: 0 },
      },
      byTemplate: [{ templateId: idOf('tpl', 9), template: 'Follow-up Email', sent: 3 }],
    })
    const all = await read<Report>('/v1/analytics/engagement')
    t.equal(
      all.byTemplate.reduce((sum, { sent }) => sum + sent, 0),
      all.totals.sent,
    )
    t.ok(all.totals.sent >= 8 && all.byTemplate.some(({ templateId }) => templateId === null))
    t.equal((Date.parse(all.to) - Date.parse(all.from)) / 86_400_000, 29)
    t.match((await read<Report>(`/v1/analytics/engagement?from=2001-01-01&to=2001-12-31`)).totals, {
      sent: 0,
      delivered: { percent: null },
    })
    t.equal((await read<Report>(`/v1/analytics/engagement?account=${idOf('acc', 7)}`)).totals.sent, 0)
    t.equal((await read<Report>('/v1/analytics/engagement?template=none')).totals.sent, all.totals.sent - 3)
  },
)

t.test('reports need their permission, a message that is there and a period that can be', async (t) => {
  t.equal((await get(`/v1/outbox/${idOf('out', 1)}/tracking`)).status, 401)
  const missing = await get(`/v1/outbox/${idOf('out', 999)}/tracking`, { authorization })
  t.strictSame([missing.status, missing.headers.get('content-type')], [404, 'application/problem+json'])
  for (const query of [
    'from=2026-01-01',
    'from=2026-02-01&to=2026-01-01',
    'period=today&from=2026-01-01&to=2026-01-02',
    'period=last_5_days',
    'from=2026-02-30&to=2026-03-01',
    'from=0000-01-01&to=2026-01-01',
    'from=2026-01-01&to=9999-12-31',
    'template=x',
  ])
    t.equal((await get(`/v1/analytics/engagement?${query}`, { authorization })).status, 400, query)
})

t.test('every read model equals one rebuilt from the log', async (t) => {
  for (const { name } of projections) t.ok(await runner.waitFor(name, (await store.head())!, 120_000))
  const compared = await readModelsEqualRebuild({ store, pool, projections })
  t.ok(compared.length >= 8)
  t.strictSame(
    compared.filter(({ equal }) => !equal),
    [],
  )
  t.ok(compared.some(({ table, liveRows }) => table === 'entry' && liveRows > 300))
})

t.test('no token, destination or address of a mail is in the log', async (t) => {
  const written = log.join('')
  t.ok(written.length > 1000)
  t.notMatch(written, /acme\.example|proposal|ann@client|\/t\/[oc]\/[A-Za-z0-9_-]{20}/)
})

t.test('networks are known by their prefix, in both families, and nonsense is refused', async (t) => {
  const isIn = networks(['192.0.2.0/24', '198.51.100.9', '2001:db8::/32'])
  for (const ip of ['192.0.2.1', '::ffff:192.0.2.1', '198.51.100.9', '2001:db8:1::1']) t.ok(isIn(ip), ip)
  for (const ip of ['192.0.3.1', '198.51.100.8', '2001:db9::1', 'x', '', null]) t.notOk(isIn(ip), String(ip))
  for (const network of ['x', '192.0.2.0/33', '192.0.2.0/', '1.2.3.4/8/8', '::/129', ''])
    t.throws(() => networks([network]), RangeError, network)
})
