import t from 'tap'
import { postgresEventStore } from '../../../src/adapters/postgres/event-log/event-store.ts'
import type { RecordedEvent } from '../../../src/domain/event.ts'
import { startApp } from '../../support/running-app.ts'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { idOf } from '../../support/example-emails.ts'

// Account 1 is the team's, account 2 is u1's own. What is listed is compared with the log itself.

const app = await startApp(t)
const store = postgresEventStore(app.pool)
t.teardown(() => store.close())
await seedAccounts(t, app.pool, [
  { n: 1, owner: { kind: 'team' } },
  { n: 2, owner: { kind: 'user', userId: 'u1' } },
])
const [team, personal] = [idOf('acc', 1), idOf('acc', 2)]
const program = app.client
const [owner, other] = [app.clientOf('u1'), app.clientOf('u2')]

await program.send('PUT', '/v1/directory/users/u1', { name: 'Ann' })
await program.send('PUT', '/v1/directory/users/u2', { name: 'Tom' })
await program.send('PUT', '/v1/directory/contacts/c-1', { emails: ['mia@client.test'] })
await program.send('PUT', '/v1/directory/contacts/c-1', { emails: ['mia@client.test'], firstName: 'Mia' })
const template = { name: 'Offer', subject: 'Offer', body: { format: 'html', source: '<p>Hi</p>' } }
const shared = await owner.send<{ id: string }>('POST', '/v1/templates', {
  scope: 'shared',
  ...template,
})
const own = await owner.send<{ id: string }>('POST', '/v1/templates', { scope: 'personal', ...template })
const queued = async (client: typeof owner, accountId: string, subject: string) =>
  client.send<{ id: string }>('POST', '/v1/outbox', {
    email: {
      accountId,
      to: [{ address: 'mia@client.test' }],
      subject,
      html: '<p>Hi</p>',
      contactId: 'c-1',
      template: { templateId: shared.body.id, version: 1 },
    },
    scheduledAt: '2999-01-01T00:00:00Z',
  })
const mine = await queued(owner, personal, 'Private')
const teams = await queued(other, team, 'Public')
await owner.send('PATCH', `/v1/templates/${shared.body.id}`, { name: 'New offer' }, { 'if-match': '"0"' })
const { position } = await owner.send('POST', `/v1/outbox/${mine.body.id}/cancellation`)

type Item = {
  id: string
  type: string
  position: string
  stream: string
  revision: number
  recordedAt: string
}
type Page<Of = Item> = { data: Of[]; nextCursor: string | null; hasMore: boolean }

/** Page by page, each asked for as the one before says. */
const all = async <Of = Item>(client: typeof owner, query: string, what = 'events'): Promise<Of[]> => {
  const found: Of[] = []
  for (let cursor: string | null = null; ;) {
    const next = cursor === null ? '' : `&cursor=${cursor}`
    const page: Page<Of> = await client.get(`/v1/audit/${what}?min_position=${position}&${query}${next}`)
    t.equal(page.hasMore, page.nextCursor !== null)
    found.push(...page.data)
    if (page.nextCursor === null) return found
    cursor = page.nextCursor
  }
}
const positionsOf = (events: readonly { position: string }[]): string[] => events.map((each) => each.position)
const inLog = async (): Promise<readonly RecordedEvent[]> =>
  (await store.readAll({ after: null, limit: 1_000 })).events
const typesIn = (events: readonly { type: string }[]): string[] => events.map(({ type }) => type)

t.test('the whole log is listed as it is, newest first or in its order, in pages of any size', async (t) => {
  const log = await inLog()
  for (const limit of [1, 7, 200]) {
    t.strictSame(positionsOf(await all(program, `sort=position&limit=${limit}`)), positionsOf(log))
    t.strictSame(positionsOf(await all(program, `limit=${limit}`)), positionsOf(log).toReversed())
  }
  const listed = await all<Item & { data: unknown; summary: string; actor: object; commandId: string }>(
    program,
    'sort=position',
  )
  for (const [index, event] of log.entries())
    t.match(listed[index], {
      id: event.id,
      type: event.type,
      data: event.data as object,
      stream: event.stream,
      revision: event.revision,
      recordedAt: event.recordedAt,
      actor: event.metadata.actor,
      commandId: event.metadata.commandId,
    })
})

t.test('filters find what the log has, alone and together', async (t) => {
  const log = await inLog()
  const expect = async (query: string, wanted: (event: RecordedEvent) => boolean, least = 1) => {
    const positions = positionsOf(log.filter(wanted))
    t.ok(positions.length >= least, `${query} has events`)
    for (const limit of [1, 200])
      t.strictSame(positionsOf(await all(program, `sort=position&limit=${limit}&${query}`)), positions, query)
    t.strictSame(positionsOf(await all(program, query)), positions.toReversed(), `${query}, newest first`)
  }
  const says = (event: RecordedEvent, text: string) => JSON.stringify(event.data).includes(text)
  await expect('type=ContactRecorded', ({ type }) => type === 'ContactRecorded', 2)
  await expect(
    'type=ContactRecorded&type=EmailQueued&type=AccountConnected',
    ({ type }) => ['ContactRecorded', 'EmailQueued', 'AccountConnected'].includes(type),
    6,
  )
  await expect('actorKind=user', ({ metadata }) => metadata.actor.kind === 'user', 5)
  await expect('actorId=u2', ({ metadata }) => metadata.actor.id === 'u2')
  await expect('actorKind=system&actorId=test', ({ metadata }) => metadata.actor.id === 'test', 4)
  await expect(`stream=account-${team}`, ({ stream }) => stream === `account-${team}`)
  await expect(`account=${personal}`, (event) => says(event, personal), 3)
  await expect(
    `account=${personal}&type=EmailQueued`,
    (event) => event.type === 'EmailQueued' && says(event, personal),
  )
  await expect('contact=c-1', (event) => says(event, '"c-1"'), 4)
  await expect('contact=c-1&actorId=u2', (event) => says(event, '"c-1"') && event.metadata.actor.id === 'u2')
  await expect(`contact=c-1&email=${mine.body.id}`, (event) => says(event, mine.body.id), 2)
  await expect(`template=${shared.body.id}`, (event) => says(event, shared.body.id), 3)
  await expect(`email=${teams.body.id}`, (event) => says(event, teams.body.id))
  await expect(`message=${idOf('msg', 2)}`, ({ stream }) => stream === `message-${idOf('msg', 2)}`)
  await expect('user=u1', (event) => says(event, '"u1"'), 3)
  await expect('stream=contact-c-1&type=ContactRecorded', ({ stream }) => stream === 'contact-c-1', 2)
  t.strictSame(await all(program, `deal=none`), [], 'of what nobody has heard of there is nothing')
})

t.test('an instant bounds what is listed, to the millisecond', async (t) => {
  const log = await inLog()
  const at = log[Math.floor(log.length / 2)]!.recordedAt
  const encoded = encodeURIComponent(at)
  const between = (from: string, to: string) =>
    log.filter(({ recordedAt }) => recordedAt >= from && recordedAt <= to)
  const listed = async (query: string) => positionsOf(await all(program, `sort=position&${query}`))
  const [first, last] = [log[0]!.recordedAt, log.at(-1)!.recordedAt]
  t.strictSame(await listed(`from=${encoded}`), positionsOf(between(at, last)))
  t.strictSame(await listed(`to=${encoded}`), positionsOf(between(first, at)))
  t.strictSame(await listed(`from=${encoded}&to=${encoded}`), positionsOf(between(at, at)))
  t.strictSame(await listed('from=2999-01-01T00:00:00Z'), [])
  t.strictSame(await listed('to=1999-01-01T00:00:00Z'), [])
})

t.test(
  "a user sees events of what the user may see, and never of another's account or template",
  async (t) => {
    const isPersonal = ({ data }: RecordedEvent) => {
      const text = JSON.stringify(data)
      return [personal, mine.body.id, own.body.id].some((id) => text.includes(id))
    }
    // Of API keys only programs are told.
    const log = (await inLog()).filter(({ stream }) => !stream.startsWith('apikey-'))
    const visible = positionsOf(log.filter((event) => !isPersonal(event)))
    t.ok(visible.length < log.length - 4, 'there is something to hide')
    for (const limit of [2, 200])
      t.strictSame(positionsOf(await all(other, `sort=position&limit=${limit}`)), visible)
    t.strictSame(positionsOf(await all(owner, 'sort=position')), positionsOf(log), 'the owner sees all of it')
    const asked = [
      `account=${personal}`,
      `email=${mine.body.id}`,
      `template=${own.body.id}`,
      `message=${idOf('msg', 2)}`,
      `stream=account-${personal}`,
      `stream=outgoing-${mine.body.id}`,
    ]
    for (const query of asked) {
      for (const what of ['events', 'replay']) {
        t.strictSame(await all(other, query, what), [], `${what} ${query}`)
        t.not((await all(owner, query, what)).length, 0, `${what} ${query}, for its owner`)
      }
    }
    const bound = await program.send<{ token: string }>('POST', '/v1/api-keys', {
      name: 'u2',
      scopes: ['audit:read'],
      userId: 'u2',
    })
    const answer = await app.ask('GET', `/v1/audit/events?account=${personal}`, { key: bound.body.token })
    t.strictSame((answer.json as Page).data, [], 'a key that is bound to a user is that user')
  },
)

t.test('a replay says what each event changed, up to a position or an instant', async (t) => {
  type Replayed = Item & { changes: { op: string; path: string; before?: unknown; after?: unknown }[] }
  const contact = await all<Replayed>(program, 'stream=contact-c-1', 'replay')
  t.strictSame(
    contact.map(({ changes }) => changes),
    [
      [
        { op: 'replace', path: '/contact/c-1/status', before: 'absent', after: 'present' },
        { op: 'add', path: '/contact/c-1/value', after: { emails: ['mia@client.test'] } },
      ],
      [{ op: 'add', path: '/contact/c-1/value/firstName', after: 'Mia' }],
    ],
  )
  const [first] = contact
  const upTo = async (bound: string) => typesIn(await all(program, `contact=c-1&${bound}`, 'replay'))
  t.strictSame(await upTo(`until=${first?.position}`), ['ContactRecorded'])
  t.strictSame(await upTo(`to=${encodeURIComponent(first?.recordedAt ?? '')}`), ['ContactRecorded'])
  const email = await all<Replayed>(program, `email=${mine.body.id}&limit=1`, 'replay')
  t.strictSame(typesIn(email), ['EmailQueued', 'EmailCancelled'])
  t.strictSame(
    email[1]?.changes.filter(({ path }) => path.endsWith('/status')),
    [
      { op: 'replace', path: `/outgoing/${mine.body.id}/status`, before: 'queued', after: 'cancelled' },
      {
        op: 'replace',
        path: `/tracking/${mine.body.id}/delivery/status`,
        before: 'pending',
        after: 'cancelled',
      },
    ],
  )
})

t.test('what cannot be meant is refused', async (t) => {
  const asked = {
    'events?type=EmailSnet': 400,
    'events?actorKind=robot': 400,
    'events?account=acc_1': 400,
    'events?email=msg_00000000000000000000000000': 400,
    'events?from=yesterday': 400,
    'events?to=9999-12-31T23:59:59-23:59': 400,
    'events?sort=sideways': 400,
    'events?limit=201': 400,
    'events?cursor=WyJwIl0': 400,
    'events?cursor=nonsense': 400,
    'events?contact=a%20b': 400,
    'events?stream=%00': 400,
    'events?min_position=e:1': 400,
    'replay?until=17': 400,
    'replay?type=EmailSent': 400,
    [`events?stream=${'x'.repeat(201)}`]: 400,
    'events?stream=nothing%27%20or%201=1': 200,
    'events?stream=%25': 200,
  }
  for (const [path, status] of Object.entries(asked)) {
    const answer = await app.ask('GET', `/v1/audit/${path}`)
    t.equal(answer.status, status, `${path}: ${JSON.stringify(answer.json)}`)
  }
})
