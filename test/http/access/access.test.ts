import t from 'tap'
import { ApiProblem, until } from '../../../scripts/lib/client.ts'
import { postgresEventStore } from '../../../src/adapters/postgres/event-log/event-store.ts'
import { newEvent } from '../../../src/commands/handle.ts'
import type { DomainEvent } from '../../../src/domain/event.ts'
import { EmailQueued, EmailSent } from '../../../src/domain/sending/events.ts'
import { startApp } from '../../support/running-app.ts'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { exampleQueued, idOf } from '../../support/example-emails.ts'
import { upToNow } from '../../support/mailbox-comparison.ts'
import { callerNow } from '../../support/mailbox-to-sync.ts'

// Account 1 is the team's, account 2 is u1's own. Who may use which decides every read and every change.

const app = await startApp(t)
await seedAccounts(t, app.pool, [
  { n: 1, owner: { kind: 'team' } },
  { n: 2, owner: { kind: 'user', userId: 'u1' } },
])
for (const user of ['u1', 'u2']) await app.client.send('PUT', `/v1/directory/users/${user}`, { name: user })
const [team, personal] = [idOf('acc', 1), idOf('acc', 2)]
const owner = app.clientOf('u1')
const other = app.clientOf('u2')
const program = app.client
type Page = { data: { id: string }[] }
const idsIn = ({ data }: Page) => data.map(({ id }) => id).toSorted()
const hello = (accountId: string) => ({
  accountId,
  to: [{ address: 'mia@client.test' }],
  subject: 'Hello',
  html: '<p>Hi</p>',
})
const queued = (client: typeof owner, accountId: string) =>
  client.send<{ id: string }>('POST', '/v1/outbox', {
    email: hello(accountId),
    scheduledAt: '2999-01-01T00:00:00Z',
  })
const mine = await queued(owner, personal)
const teams = await queued(other, team)
const draft = await owner.send<{ id: string }>('POST', '/v1/drafts', hello(personal))
const { position } = draft
const statusOf = async (asked: Promise<unknown>): Promise<number> => {
  try {
    await asked
    return 200
  } catch (error) {
    if (error instanceof ApiProblem) return error.status
    throw error
  }
}

const readings = [
  `/v1/email-accounts/${personal}`,
  `/v1/email-accounts/${personal}/sync-status`,
  `/v1/email-accounts/${personal}/sync-runs`,
  `/v1/email-accounts/${personal}/sync-errors`,
  `/v1/messages/${idOf('msg', 2)}`,
  `/v1/messages/${idOf('msg', 2)}/body`,
  `/v1/messages/${idOf('msg', 2)}/raw`,
  `/v1/outbox/${mine.body.id}`,
  `/v1/outbox/${mine.body.id}/raw`,
  `/v1/outbox/${mine.body.id}/tracking`,
  `/v1/drafts/${draft.body.id}`,
]

t.test(
  "what is in a user's own account can be read by that user and by programs, and is not there for others",
  async (t) => {
    for (const path of readings) {
      // Each read model comes there in its own time.
      const status = (user: string | null) =>
        app
          .ask('GET', path, user === null ? {} : { headers: { 'mailtrail-user': user } })
          .then((each) => each.status)
      await until(
        path,
        () => status(null),
        (each) => each === 200,
        120_000,
      )
      t.same([await status('u1'), await status('u2')], [200, 404], path)
    }
    const team1 = [
      `/v1/email-accounts/${team}`,
      `/v1/messages/${idOf('msg', 1)}/body`,
      `/v1/outbox/${teams.body.id}`,
    ]
    for (const path of team1) t.equal(await statusOf(owner.get(path)), 200, `${path} is everybody's`)
  },
)

t.test("lists leave out what is in others' own accounts", async (t) => {
  const lists = {
    [`/v1/email-accounts?min_position=${position}`]: [[team], [personal, team]],
    [`/v1/outbox?min_position=${position}`]: [[teams.body.id], [mine.body.id, teams.body.id]],
    [`/v1/outbox?account=${personal}`]: [[], [mine.body.id]],
    [`/v1/messages?account=${personal}`]: [[], [idOf('msg', 2)]],
    [`/v1/messages?account=${personal}&folder=inbox`]: [[], [idOf('msg', 2)]],
    [`/v1/drafts?min_position=${position}`]: [[], [draft.body.id]],
  }
  for (const [path, [others, all]] of Object.entries(lists)) {
    t.same(idsIn(await other.get<Page>(path)), others, path)
    t.same(idsIn(await owner.get<Page>(path)), all?.toSorted(), path)
    t.same(idsIn(await program.get<Page>(path)), all?.toSorted(), path)
  }
  const { figures } = await other.get<{ figures: { connectedAccounts: number } }>('/v1/email-accounts')
  t.equal(figures.connectedAccounts, 1)
  const [threads] = (await owner.get<Page>(`/v1/threads?account=${personal}`)).data
  t.same((await other.get<Page>(`/v1/threads?account=${personal}`)).data, [])
  t.equal(await statusOf(owner.get(`/v1/threads/${threads?.id}`)), 200)
  t.equal(await statusOf(other.get(`/v1/threads/${threads?.id}`)), 404)
  t.equal(await statusOf(other.get(`/v1/messages?thread=${threads?.id}`)), 404)
})

t.test(
  "the figures of a report leave out others' own accounts, and the names of their templates",
  async (t) => {
    const body = { format: 'html', source: '<p>Hi</p>' }
    const content = { scope: 'personal', name: 'My best lines', subject: 'Hello', body }
    const template = (await owner.send<{ id: string }>('POST', '/v1/templates', content)).body
    const store = postgresEventStore(app.pool)
    t.teardown(() => store.close())
    const sentAt = new Date().toISOString()
    const rest = { attempt: 1, template: null, first: true, refused: [], deferred: [], retryAt: null }
    for (const [n, accountId] of [personal, team, team].entries()) {
      const outgoingId = idOf('out', 800 + n)
      const used = n === 2 ? null : { templateId: template.id, version: 1 }
      const accepted = ['ann@client.test']
      const happened: DomainEvent[] = [
        EmailQueued(exampleQueued({ outgoingId, accountId, template: used })),
        EmailSent({ ...rest, outgoingId, accountId, sentAt, accepted, evidence: 'answer' }),
      ]
      const events = happened.map((event) => newEvent(event, crypto.randomUUID(), callerNow(), sentAt))
      await store.append({ stream: `outgoing-${outgoingId}`, expected: 'no_stream', events })
    }
    type Report = { totals: { sent: number }; byTemplate: { template: string | null; sent: number }[] }
    const reportTo = async (client: typeof owner, more = '') => {
      const path = `/v1/analytics/engagement?${await upToNow(program)}${more}`
      const { totals, byTemplate } = await client.get<Report>(path)
      return [totals.sent, ...byTemplate.map(({ template: name, sent }) => `${name} ${sent}`).toSorted()]
    }
    t.same(await reportTo(program), [3, 'My best lines 2', 'null 1'])
    t.same(await reportTo(owner), [3, 'My best lines 2', 'null 1'])
    t.same(await reportTo(other), [2, 'null 1', 'null 1'])
    t.same(await reportTo(other, `&account=${personal}`), [0])
  },
)

t.test("nobody else changes, tests, syncs, writes from or answers from a user's own account", async (t) => {
  const before = await app.pool.query<{ count: number }>('select count(*) as count from es.events')
  const path = `/v1/email-accounts/${personal}`
  const smtp = { host: '127.0.0.1', port: 587, encryption: 'starttls', username: 'user2', password: 'x' }
  const connection = { provider: 'imap-smtp', smtp, imap: null }
  const ifMatch = { 'if-match': '"0"' }
  const changes: [
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
    status?: number,
  ][] = [
    ['PATCH', `${path}/settings`, { displayName: 'Mallory' }],
    ['PUT', `${path}/connection`, { connection }],
    ['PUT', `${path}/signature`, { html: '<p>M</p>' }],
    ['POST', `${path}/connection-tests`],
    ['POST', `${path}/pause`, {}],
    ['POST', `${path}/resume`],
    ['POST', `${path}/disconnect`, {}],
    ['PUT', `${path}/default`],
    ['POST', `${path}/sync-runs`],
    ['POST', `${path}/backfill`, { since: '2024-01-01T00:00:00Z' }],
    ['POST', `${path}/backfill/pause`],
    ['POST', `${path}/backfill/resume`],
    ['POST', `/v1/messages/${idOf('msg', 2)}/retry`],
    ['POST', `/v1/messages/${idOf('msg', 2)}/skip`],
    ['POST', '/v1/drafts', hello(personal)],
    ['POST', '/v1/drafts', { replyTo: { kind: 'message', id: idOf('msg', 2) }, accountId: team }],
    ['POST', '/v1/drafts', { replyTo: { kind: 'email', id: mine.body.id }, accountId: team }],
    ['POST', '/v1/outbox', { email: hello(personal) }],
    ['POST', '/v1/outbox', { draftId: draft.body.id }],
    ['PATCH', `/v1/drafts/${draft.body.id}`, { subject: 'M' }],
    ['DELETE', `/v1/drafts/${draft.body.id}`],
    ['POST', `/v1/drafts/${draft.body.id}/preview`],
    ['POST', `/v1/outbox/${mine.body.id}/cancellation`],
    ['POST', `/v1/outbox/${mine.body.id}/settlement`, { decision: 'send-again' }],
  ]
  for (const [method, at, body] of changes)
    t.equal(await statusOf(other.send(method, at, body, ifMatch)), 404, `${method} ${at}`)
  const foreign = { address: 'x@acme.test', owner: { kind: 'user', userId: 'u1' }, connection }
  const connected = await app.ask('POST', '/v1/email-accounts', {
    body: foreign,
    headers: { 'mailtrail-user': 'u2' },
  })
  t.match(connected, { status: 422, json: { code: 'not-your-account' } })
  const after = await app.pool.query<{ count: number }>('select count(*) as count from es.events')
  t.same(after.rows, before.rows, 'nothing was recorded')
})

t.test('its user and programs may; the team account is open to everybody', async (t) => {
  const pause = (client: typeof owner, account: string) =>
    statusOf(client.send('POST', `/v1/email-accounts/${account}/pause`, {}))
  const resume = (client: typeof owner, account: string) =>
    statusOf(client.send('POST', `/v1/email-accounts/${account}/resume`))
  for (const [client, account] of [
    [owner, personal],
    [program, personal],
    [owner, team],
    [other, team],
  ] as const)
    t.same([await pause(client, account), await resume(client, account)], [200, 200])
  t.equal(await statusOf(owner.send('POST', `/v1/outbox/${teams.body.id}/cancellation`)), 200)
  t.equal(await statusOf(owner.send('POST', `/v1/outbox/${mine.body.id}/cancellation`)), 200)
})
