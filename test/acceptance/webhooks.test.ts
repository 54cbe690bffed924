import t from 'tap'
import { until } from '../../scripts/lib/client.ts'
import { runs } from '../support/long-runs.ts'
import { startApp } from '../support/running-app.ts'
import { postsTo, webhookReceiver } from '../support/webhook-receiver.ts'

type Created = { id: string; secret: string }
type Delivery = { eventId: string; stream: string; position: string; previousPosition: string | null }

const contacts = runs(300, 5_000)
/** As if time went a hundred times as fast, so that pauses between attempts are short. */
const began = Date.now()
const fast = () => new Date(began + (Date.now() - began) * 100)

t.test('an endpoint that fails and hangs gets every event, and those of a stream in order', async (t) => {
  const receiver = await webhookReceiver(t)
  const app = await startApp(t, { ...postsTo(receiver), clock: fast })
  const { client } = app
  // What it answers depends on the event alone and on how often it came: a tenth of all fail or hang once or more often.
  receiver.answer(({ id }, attempt) => {
    const kind = Number.parseInt(id.slice(-2), 16)
    if (attempt > 1 + (kind % 3)) return 204
    if (kind < 20) return 500
    if (kind < 22) return 'hang'
    // It has the event, and says that it has not: so it comes again.
    if (kind < 26) return 'accept-and-fail'
    return 204
  })
  const { body } = await client.send<Created>('POST', '/v1/webhook-endpoints', {
    url: receiver.url,
    types: ['ContactRecorded'],
  })
  for (const name of ['Ann', 'Bea']) {
    const lines = Array.from({ length: contacts }, (_, n) =>
      JSON.stringify({ kind: 'contact', id: `c${n}`, value: { firstName: name } }),
    )
    const answer = await fetch(`${app.url}/v1/directory/imports`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.key}`, 'content-type': 'application/x-ndjson' },
      body: lines.join('\n'),
    })
    t.match(await answer.json(), { failed: 0 })
  }
  const path = `/v1/webhook-endpoints/${body.id}/deliveries`
  const received = () => new Set(receiver.accepted.map(({ id }) => id)).size
  await until(
    'Everything',
    async () => received(),
    (count) => count === 2 * contacts,
    540_000,
  )
  await until(
    'The end',
    () => client.get<{ data: object[] }>(`${path}?status=waiting`),
    ({ data }) => data.length === 0,
  )
  t.equal(received(), 2 * contacts, 'none is lost')
  t.ok(receiver.accepted.length > 2 * contacts, 'some came twice, for the receiver to tell by their id')
  const first = new Map<string, number[]>()
  for (const { stream, revision } of receiver.accepted) {
    const seen = first.get(stream) ?? []
    if (!seen.includes(revision)) first.set(stream, [...seen, revision])
  }
  t.equal(first.size, contacts)
  t.same(
    [...first].filter(([, revisions]) => revisions.join() !== '0,1'),
    [],
    'each stream came in its order',
  )
  const { data: page } = await client.get<{ data: Delivery[] }>(`${path}?sort=position&limit=200`)
  t.same(
    page.slice(1).map(({ previousPosition }) => previousPosition),
    page.slice(0, -1).map(({ position }) => position),
    'each names the one before it, so that a gap shows',
  )
})
