import t from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { assignmentStream } from '../../../src/domain/assignment/assignment.ts'
import { ConversationPicked } from '../../../src/domain/assignment/events.ts'
import { rulesStream } from '../../../src/domain/assignment/rules.ts'
import { conversationStream } from '../../../src/domain/conversations/conversation.ts'
import { ConversationOpened } from '../../../src/domain/conversations/events.ts'
import { idOf } from '../../support/example-emails.ts'
import { accountId, messageIdOf } from '../../support/example-sync-events.ts'
import { logOf } from '../../support/mail-in-log.ts'
import { startApp } from '../../support/running-app.ts'

const app = await startApp(t)
const { client } = app
const log = logOf(t, app)
await log.connect()
const rulesPath = `/v1/email-accounts/${accountId}/assignment-rules`
const availabilityPath = (user: string): string => `/v1/users/${user}/availability`
const putUser = (user: string) => client.send('PUT', `/v1/directory/users/${user}`, { name: user })
for (const user of ['ann', 'bea', 'cem']) await putUser(user)
await client.send('PUT', '/v1/directory/companies/co-1', { name: 'Client', territory: 'South' })
await client.send('PUT', '/v1/directory/contacts/c-1', {
  emails: ['north@client.test'],
  territory: 'north',
  companyId: 'co-1',
})
await client.send('PUT', '/v1/directory/contacts/c-2', { emails: ['south@client.test'], companyId: 'co-1' })

const conversationOf = (n: number): string => idOf('thr', n)
const open = (n: number, from = 'somebody@else.test') =>
  log.append(
    conversationStream(conversationOf(n)),
    ConversationOpened({
      conversationId: conversationOf(n),
      accountId,
      messageId: messageIdOf(n),
      receivedAt: new Date(Date.now() - 3_600_000 + n * 1000).toISOString(),
      from,
    }),
  )
type Decision = {
  what: string
  userId: string | null
  rule: string | null
  detail: string
  passedOver: object[]
}
const decisions = async (n: number, query = ''): Promise<Decision[]> =>
  (await client.get<{ data: Decision[] }>(`/v1/conversations/${conversationOf(n)}/assignments${query}`)).data
/** The newest decision, once it is this. */
const untilLast = (n: number, what: string, userId: string | null) =>
  until(
    `Conversation ${n} to be ${what}`,
    async () => (await app.ask('GET', `/v1/conversations/${conversationOf(n)}/assignments`)).json,
    (json) => {
      const [last] = (json as { data?: Decision[] }).data ?? []
      return last?.what === what && last.userId === userId
    },
  )
const roundRobin = (...users: string[]) => ({
  kind: 'round-robin',
  members: users.map((userId) => ({ userId })),
})
const putRules = (...rules: object[]) => client.send('PUT', rulesPath, { rules })

t.test('rules are put and read, at a version of their own', async (t) => {
  const none = await app.ask('GET', rulesPath)
  t.strictSame(none.json, { rules: [], keepRepliesHours: 24 })
  t.equal(none.headers.get('etag'), null)
  const body = { rules: [{ kind: 'manual' }], keepRepliesHours: 8 }
  const made = await app.ask('PUT', rulesPath, { body, headers: { 'if-none-match': '*' } })
  t.match(made, { status: 200, json: body })
  t.equal((await app.ask('PUT', rulesPath, { body, headers: { 'if-none-match': '*' } })).status, 412)
  t.equal((await app.ask('PUT', rulesPath, { body, headers: { 'if-match': '"7"' } })).status, 412)
  const etag = made.headers.get('etag') ?? ''
  const other = { ...body, keepRepliesHours: 9 }
  t.equal((await app.ask('PUT', rulesPath, { body: other, headers: { 'if-match': etag } })).status, 200)
  t.strictSame((await app.ask('GET', rulesPath)).json, other)
})

t.test('rules that cannot be are refused, and say why', async (t) => {
  const refused = async (rules: object[]) => (await app.ask('PUT', rulesPath, { body: { rules } })).json
  t.match(await refused([roundRobin('ann', 'nobody')]), {
    code: 'unknown-assignee',
    detail: 'The directory does not have nobody.',
  })
  t.match(await refused([roundRobin('ann', 'ann')]), { code: 'invalid-request' })
  t.match(await refused([{ kind: 'manual' }, { kind: 'manual' }]), { code: 'invalid-request' })
  t.match(await refused([{ kind: 'round-robin', members: [{ userId: 'ann', weight: 0 }] }]), {
    code: 'invalid-request',
  })
})

t.test('users say when they are there, and nobody else but a program does', async (t) => {
  const ann = app.clientOf('ann')
  const away = { from: '2026-03-01T01:00:00+01:00', until: '2026-03-02T00:00:00Z', reason: 'Holiday' }
  await ann.send('PUT', availabilityPath('ann'), { away })
  const kept = { away: { ...away, from: '2026-03-01T00:00:00.000Z', until: '2026-03-02T00:00:00.000Z' } }
  t.strictSame(await ann.get(availabilityPath('ann')), { ...kept, workingHours: null })
  t.strictSame(await client.get(availabilityPath('ann')), { ...kept, workingHours: null })
  const asBea = { headers: { 'mailtrail-user': 'bea' } }
  t.equal((await app.ask('GET', availabilityPath('ann'), asBea)).status, 404)
  t.equal((await app.ask('PUT', availabilityPath('ann'), { ...asBea, body: {} })).status, 404)
  t.equal((await app.ask('PUT', availabilityPath('nobody'), { body: {} })).status, 404)
  const days = [{ day: 'monday', from: '09:00', to: '17:00' }]
  const wrong = { workingHours: { timeZone: 'Mars/Olympus', days } }
  t.match(await app.ask('PUT', availabilityPath('ann'), { body: wrong }), {
    status: 400,
    json: { code: 'invalid-request' },
  })
  await client.send('PUT', availabilityPath('ann'), {})
})

t.test('what no rule is about is left to people, until the rules change', async (t) => {
  await putRules({ kind: 'manual' })
  await open(1)
  await untilLast(1, 'left', null)
  t.match(await decisions(1), [{ rule: 'manual' }])
  await putRules(roundRobin('ann'))
  await untilLast(1, 'picked', 'ann')
})

t.test('territories and products of contacts and companies say whose it is', async (t) => {
  await putRules(
    {
      kind: 'territory',
      territories: [
        { territory: 'North', users: ['ann'] },
        { territory: 'South', users: ['bea'] },
      ],
    },
    roundRobin('ann', 'bea', 'cem'),
  )
  await open(2, 'North@Client.test')
  await open(3, 'south@client.test')
  await untilLast(2, 'picked', 'ann')
  await untilLast(3, 'picked', 'bea')
  const [why] = await decisions(2)
  t.match(why, {
    rule: 'territory',
    detail: 'territory North, round robin',
    basis: { territory: 'north', product: null, belongsTo: null },
  })
  t.match((await decisions(3))[0], { basis: { territory: 'South' } })
})

t.test('while nobody is there it waits, and who comes back gets it', async (t) => {
  const away = { from: '2026-01-01T00:00:00Z', reason: null }
  await client.send('PUT', availabilityPath('cem'), { away })
  await putRules(roundRobin('cem'))
  await open(4)
  await untilLast(4, 'left', null)
  t.match(await decisions(4), [{ rule: 'nobody-available', passedOver: [{ userId: 'cem', why: 'away' }] }])
  await client.send('PUT', availabilityPath('cem'), {})
  await untilLast(4, 'picked', 'cem')
  t.strictSame(
    (await decisions(4, '?sort=position')).map(({ what }) => what),
    ['left', 'picked'],
    'trying again is not told again',
  )
})

t.test('what somebody has who leaves is assigned anew', async (t) => {
  await putUser('dan')
  await putRules(roundRobin('dan'))
  await open(5)
  await untilLast(5, 'picked', 'dan')
  await putRules(roundRobin('ann'))
  await client.send('DELETE', '/v1/directory/users/dan')
  await untilLast(5, 'picked', 'ann')
  t.strictSame(
    (await decisions(5, '?sort=position')).map(({ what, userId }) => [what, userId]),
    [
      ['picked', 'dan'],
      ['unassigned', null],
      ['picked', 'ann'],
    ],
  )
})

t.test(
  'a decision that was not said on the conversation is said by the next run, whatever the rules are by then',
  async (t) => {
    // As if the process had been killed behind the decision.
    await putRules()
    const position = await open(6)
    const picked = ConversationPicked({
      accountId,
      conversationId: conversationOf(6),
      userId: 'bea',
      rule: 'round-robin',
      detail: 'round robin',
      passedOver: [],
      taken: [{ userId: 'bea', turns: 1 }],
      territory: null,
      product: null,
      belongsTo: null,
      rulesRevision: 0,
      factsAt: position,
      decidedAt: new Date().toISOString(),
    })
    await log.appendMore(assignmentStream(accountId), picked)
    const assigned = await until(
      'The conversation to be assigned',
      async () => (await log.store.readStream(conversationStream(conversationOf(6)))).slice(1),
      (events) => events.length > 0,
    )
    t.match(assigned, [{ type: 'ConversationAssigned', data: { userId: 'bea', by: 'rules' } }])
  },
)

t.test('a dry run says who would have got what, and changes nothing', async (t) => {
  // Others may go on meanwhile, such as whoever notifies users.
  const written = async () =>
    Promise.all(
      [assignmentStream(accountId), rulesStream(accountId), conversationStream(conversationOf(1))].map(
        async (stream) => (await log.store.readStream(stream)).length,
      ),
    )
  const before = await written()
  const body = { rules: [roundRobin('bea', 'cem')] }
  type DryRun = {
    conversations: number
    users: { userId: string; would: number; was: number }[]
    differences: { conversationId: string; would: string; was: string }[]
  }
  const { json } = await app.ask('POST', `${rulesPath}/dry-run`, { body })
  const { conversations, users, differences } = json as DryRun
  t.equal(conversations, 6)
  t.strictSame(users, [
    { userId: 'ann', would: 0, was: 2 },
    { userId: 'bea', would: 3, was: 2 },
    { userId: 'cem', would: 3, was: 1 },
    { userId: 'dan', would: 0, was: 1 },
  ])
  t.match(differences[0], { conversationId: conversationOf(1), would: 'bea', was: 'ann' })
  t.strictSame(await written(), before)
})
