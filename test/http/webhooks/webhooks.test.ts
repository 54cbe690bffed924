import t, { type Test } from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { startApp } from '../../support/running-app.ts'
import { postsTo, webhookReceiver } from '../../support/webhook-receiver.ts'

type Created = { id: string; secret: string }
type Delivery = {
  eventId: string
  status: string
  attempts: number
  answer: number | null
  problem: string | null
}
type Endpoint = { status: string; disabledReason: string | null }

const DAY = 24 * 3_600_000

/** A service whose clock can be set forward, and a receiver with an endpoint of it. */
const posting = async (t: Test, facts: object = { types: ['TemplateCreated', 'TemplateChanged'] }) => {
  const receiver = await webhookReceiver(t)
  let ahead = 0
  const app = await startApp(t, { ...postsTo(receiver), clock: () => new Date(Date.now() + ahead) })
  const { client } = app
  const created = await client.send<Created>('POST', '/v1/webhook-endpoints', { url: receiver.url, ...facts })
  const path = `/v1/webhook-endpoints/${created.body.id}`
  receiver.verifyWith(created.body.secret)
  const delivery = (eventId: string) => client.get<Delivery>(`${path}/deliveries/${eventId}`)
  /** Waits until the delivery is like that; the event may not even be laid out yet. */
  const becomes = (eventId: string, isIt: (delivery: Delivery) => boolean) =>
    until(
      `The delivery of ${eventId}`,
      async () => (await app.ask('GET', `${path}/deliveries/${eventId}`)).json as Delivery,
      (found) => found.eventId === eventId && isIt(found),
    )
  return {
    app,
    client,
    receiver,
    path,
    ...created.body,
    goForward: (ms: number) => (ahead += ms),
    delivery,
    becomes,
    tried: (eventId: string, times = 1) => becomes(eventId, ({ attempts }) => attempts >= times),
    delivered: (eventId: string) => becomes(eventId, ({ status }) => status === 'delivered'),
    /** Makes a template, and says which event that is. */
    template: async (name: string) => {
      const content = { scope: 'shared', name, subject: name, body: { format: 'html', source: '<p>Hi</p>' } }
      const { body } = await client.send<{ id: string }>('POST', '/v1/templates', content)
      const { data } = await client.get<{ data: { id: string }[] }>(
        `/v1/audit/events?stream=template-${body.id}&type=TemplateCreated`,
      )
      return { template: body.id, event: data[0]!.id }
    },
  }
}

t.test('an event is posted, signed, with its place in the log, and nothing of other types', async (t) => {
  const { app, client, receiver, path, secret, delivered, template } = await posting(t)
  t.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  const first = await template('one')
  const second = await template('two')
  await delivered(first.event)
  await delivered(second.event)
  t.same(receiver.errors, [])
  const byId = new Map(receiver.accepted.map((posted) => [posted.id, posted]))
  const [one, two] = [byId.get(first.event)!, byId.get(second.event)!]
  t.match(one, {
    type: 'TemplateCreated',
    stream: `template-${first.template}`,
    revision: 0,
    data: { version: 1 },
  })
  t.equal(two.previousPosition, one.position, 'nothing is missing in between')
  t.equal(byId.size, 2)
  t.match(
    (await client.get<{ data: Delivery[] }>(`${path}/deliveries?status=delivered&sort=position`)).data,
    [{ eventId: first.event, attempts: 1, answer: 204, problem: null }, { eventId: second.event }],
  )
  t.same(
    await app.leaks([secret]).then((found) => found.filter((where) => !where.startsWith('answer: POST'))),
    [],
  )
})

t.test('a failed delivery is tried again, and what follows in its stream waits for it', async (t) => {
  const { client, receiver, tried, delivered, template, goForward } = await posting(t)
  receiver.answer(({ data }, attempt) => {
    if (data?.['content'] === undefined || !JSON.stringify(data).includes('"one"') || attempt > 2) return 204
    return attempt === 1 ? 500 : 'hang'
  })
  const { template: id, event } = await template('one')
  await client.send('PATCH', `/v1/templates/${id}`, { name: 'changed' }, { 'if-match': '*' })
  const ofStream = () => receiver.accepted.filter(({ stream }) => stream === `template-${id}`)
  for (const attempt of [1, 2]) {
    const { problem } = await tried(event, attempt)
    t.ok(['answer-500', 'timed-out'].includes(problem ?? ''))
    t.same(ofStream(), [], 'nothing overtakes it')
    await delivered((await template(`other ${attempt}`)).event)
    goForward(DAY)
  }
  await delivered(event)
  await until(
    'The next',
    async () => ofStream(),
    (all) => all.length === 2,
  )
  t.same(
    ofStream().map(({ revision }) => revision),
    [0, 1],
  )
})

t.test(
  'an endpoint that never answers well for three days is disabled, and goes on once it is enabled',
  async (t) => {
    const { client, receiver, path, delivery, tried, delivered, template, goForward } = await posting(t)
    receiver.answer(() => 500)
    const { event } = await template('one')
    await tried(event)
    goForward(4 * DAY)
    const disabled = await until(
      'The end',
      () => client.get<Endpoint>(path),
      ({ status }) => status === 'disabled',
    )
    t.equal(disabled.disabledReason, 'failing')
    t.match(await delivery(event), { status: 'waiting' }, 'nothing is lost')
    receiver.answer(() => 204)
    await client.send('POST', `${path}/enable`)
    await delivered(event)
    t.match(await client.get(path), { status: 'active', disabledReason: null })
  },
)

t.test(
  'an event that alone fails for three days is given up, and what follows it is delivered',
  async (t) => {
    const { client, receiver, tried, becomes, delivered, template, goForward } = await posting(t)
    const { template: id, event } = await (async () => {
      receiver.answer(({ type }) => (type === 'TemplateCreated' ? 400 : 204))
      return template('one')
    })()
    await tried(event)
    receiver.answer((posted) => (posted.id === event ? 400 : 204))
    await delivered((await template('other')).event)
    goForward(4 * DAY)
    await delivered((await template('later')).event)
    await becomes(event, ({ status }) => status === 'failed')
    await client.send('PATCH', `/v1/templates/${id}`, { name: 'changed' }, { 'if-match': '*' })
    await until(
      'The next',
      async () => receiver.accepted,
      (all) => all.some(({ stream, revision }) => stream === `template-${id}` && revision === 1),
    )
    const { data } = await client.get<{ data: { data: object }[] }>(
      '/v1/audit/events?type=WebhookDeliveryFailed',
    )
    t.match(data, [{ data: { eventId: event, problem: 'answer-400' } }])
  },
)

t.test('one that is gone is disabled at once', async (t) => {
  const { client, receiver, path, template } = await posting(t)
  receiver.answer(() => 410)
  await template('one')
  await until(
    'The end',
    () => client.get<Endpoint>(path),
    ({ disabledReason }) => disabledReason === 'gone',
  )
})

t.test('a receiver says when it wants to be asked again', async (t) => {
  const { receiver, tried, delivered, template, goForward } = await posting(t)
  receiver.answer((_, attempt) => (attempt === 1 ? { retryAfter: '7200' } : 204))
  const { event } = await template('one')
  const failed = await tried(event)
  const { lastAttemptAt, nextAttemptAt } = failed as unknown as {
    lastAttemptAt: string
    nextAttemptAt: string
  }
  t.ok(Date.parse(nextAttemptAt) - Date.parse(lastAttemptAt) >= 7_200_000)
  goForward(7_300_000)
  await delivered(event)
})

t.test('one is posted again on request, or all from a position on', async (t) => {
  const { app, client, receiver, path, delivered, template } = await posting(t)
  const [first, second] = [await template('one'), await template('two')]
  await delivered(first.event)
  await delivered(second.event)
  const times = (id: string) => receiver.accepted.filter((posted) => posted.id === id).length
  await client.send('POST', `${path}/deliveries/${second.event}/resend`)
  await until(
    'It again',
    async () => times(second.event),
    (count) => count === 2,
  )
  t.equal(times(first.event), 1)
  const position = receiver.accepted.find(({ id }) => id === first.event)!.previousPosition
  await client.send('POST', `${path}/replay`, { after: position })
  await until(
    'All again',
    async () => [times(first.event), times(second.event)].join(' '),
    (both) => both === '2 3',
  )
  t.match((await app.ask('POST', `${path}/replay`, { body: { after: 'elsewhere' } })).json, {
    code: 'invalid-position',
  })
  const unknown = `${path}/deliveries/7a7a1b3c-5e0f-4d0c-9c3e-2f6a1d8b4e90/resend`
  t.equal((await app.ask('POST', unknown)).status, 404)
})

t.test('a new secret signs at once, and for a while the former one too', async (t) => {
  const { client, receiver, path, secret, delivered, template, goForward } = await posting(t)
  const rotated = await client.send<Created>('POST', `${path}/rotate-secret`, { overlapHours: 0.02 })
  t.not(rotated.body.secret, secret)
  await until(
    'The new secret',
    () => client.get<{ formerSecretValidUntil: string | null }>(path),
    ({ formerSecretValidUntil }) => formerSecretValidUntil !== null,
  )
  receiver.verifyWith(secret, rotated.body.secret)
  await delivered((await template('one')).event)
  t.same(receiver.errors, [], 'both verify')
  goForward(100_000)
  receiver.verifyWith(rotated.body.secret)
  const later = await template('two')
  await delivered(later.event)
  t.same(receiver.errors, [])
})

t.test('while it is disabled events wait; thin ones have no data; a deleted one gets nothing', async (t) => {
  const { app, client, receiver, path, delivered, template } = await posting(t, {
    types: ['TemplateCreated'],
    payload: 'thin',
  })
  await client.send('POST', `${path}/disable`)
  await until(
    'Disabled',
    () => client.get<Endpoint>(path),
    ({ disabledReason }) => disabledReason === 'asked',
  )
  const { event } = await template('one')
  t.equal(receiver.attempts.get(event), undefined)
  await client.send('POST', `${path}/enable`)
  await delivered(event)
  t.notOk('data' in receiver.accepted.find(({ id }) => id === event)!)
  await client.send('DELETE', path)
  await until(
    'Deleted',
    () => app.ask('GET', path),
    ({ status }) => status === 404,
  )
  t.equal((await app.ask('GET', `${path}/deliveries`)).status, 404)
})

t.test('bad input is refused, and no user manages endpoints', async (t) => {
  const app = await startApp(t)
  const refused = async (body: object, headers: Record<string, string> = {}) => {
    const { status, json } = await app.ask('POST', '/v1/webhook-endpoints', { body, headers })
    return [status, (json as { code: string }).code]
  }
  const url = 'https://crm.example.com/hooks'
  for (const wrong of ['ftp://a.example', 'https://u:p@a.example', 'https://a.example/#x', 'nonsense'])
    t.same(await refused({ url: wrong }), [400, 'invalid-request'], wrong)
  t.same(await refused({ url, types: ['NoSuchEvent'] }), [400, 'invalid-request'])
  t.same(await refused({ url }, { 'mailtrail-user': 'u_sarah' }), [403, 'program-only'])
  const key = await app.makeKey('messages:read')
  t.match((await app.ask('GET', '/v1/webhook-endpoints', { key })).json, { code: 'permission-missing' })
  for (let n = 0; n < 50; n++) await app.client.send('POST', '/v1/webhook-endpoints', { url })
  await until(
    'All listed',
    () => app.client.get<{ data: object[] }>('/v1/webhook-endpoints?limit=200'),
    ({ data }) => data.length === 50,
  )
  t.same(await refused({ url }), [422, 'too-many-webhook-endpoints'])
})

t.test('a host inside the network is never asked', async (t) => {
  const receiver = await webhookReceiver(t)
  const app = await startApp(t, {
    env: { MAILTRAIL_ALLOWED_NETWORKS: '', MAILTRAIL_ALLOWED_PORTS: String(receiver.port) },
  })
  const url = receiver.url.replace('http:', 'https:')
  const { body } = await app.client.send<Created>('POST', '/v1/webhook-endpoints', { url })
  const path = `/v1/webhook-endpoints/${body.id}/deliveries`
  await app.client.send('PUT', '/v1/directory/users/u1', { name: 'U' })
  const { data } = await until(
    'The failure',
    () => app.client.get<{ data: Delivery[] }>(path),
    ({ data: all }) => all.some(({ attempts }) => attempts > 0),
  )
  t.equal(data.find(({ attempts }) => attempts > 0)?.problem, 'host-not-allowed')
  t.equal(receiver.attempts.size, 0)
})
