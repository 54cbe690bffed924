import { randomUUID } from 'node:crypto'
import t from 'tap'
import { postgresEventStore } from '../../../src/adapters/postgres/event-log/event-store.ts'
import { ContactRecorded } from '../../../src/domain/directory/events.ts'
import { startApp } from '../../support/running-app.ts'

const app = await startApp(t)
const store = postgresEventStore(app.pool)
t.teardown(() => store.close())

// An address of more bytes than an index takes, of digits so that compression does not help: no request gets it in.
const address = Array.from({ length: 400 }, () => randomUUID()).join('')

/** Records a contact straight in the log that the directory cannot take in. @returns the event's id */
const poison = async (contactId: string): Promise<string> => {
  const id = randomUUID()
  const metadata = {
    actor: { kind: 'system' as const, id: 'test' },
    commandId: id,
    correlationId: 'test',
    causationId: null,
    occurredAt: new Date().toISOString(),
    schemaVersion: 1,
  }
  const events = [{ ...ContactRecorded({ contactId, contact: { emails: [address] } }), id, metadata }]
  await store.append({ stream: `contact-${contactId}`, expected: 'no_stream', events })
  return id
}

type Page = {
  data: {
    stream: string
    events: number
    first: { eventId: string }
    error: string | null
    attempts: number
  }[]
  nextCursor: string | null
}
const parked = (query = '') => app.client.get<Page>(`/v1/projections/directory/parked${query}`)
const put = async (id: string) => {
  const { position } = await app.client.send('PUT', `/v1/directory/contacts/${id}`, { firstName: id })
  await app.client.get(`/v1/directory/contacts?min_position=${position}`)
}
const shown = async () =>
  (await app.client.get<{ data: { id: string }[] }>('/v1/directory/contacts')).data.map(({ id }) => id)
const path = (stream: string, what: string) => `/v1/projections/directory/parked/${stream}/${what}`

const ids = [await poison('c1'), await poison('c2'), await poison('c3')]
for (const id of ['c2', 'c4', 'c1']) await put(id)

t.test('parked events are counted, and listed stream by stream; everything else goes on', async (t) => {
  t.same(await shown(), ['c4'])
  const { data } = await app.client.get<{ data: { name: string }[] }>('/v1/projections')
  const directory = data.find(({ name }) => name === 'directory')
  t.match(directory, { error: null, parked: { events: 5, streams: 3 }, lagMs: 0 })
  const others = data.filter(({ name }) => !['directory', 'matching', 'assignment'].includes(name))
  t.ok(
    others.length > 10 &&
      others.every(
        (each) => (each as unknown as typeof directory & { parked: { events: number } }).parked.events === 0,
      ),
  )

  const first = await parked('?limit=2')
  const second = await parked(`?limit=2&cursor=${first.nextCursor}`)
  const rows = [...first.data, ...second.data]
  t.match(rows, [
    {
      stream: 'contact-c1',
      events: 2,
      first: { eventId: ids[0], type: 'ContactRecorded', revision: 0 },
      attempts: 1,
    },
    { stream: 'contact-c2', events: 2, first: { eventId: ids[1] } },
    { stream: 'contact-c3', events: 1, first: { eventId: ids[2] } },
  ])
  t.equal(second.nextCursor, null)
  for (const { error } of rows) t.match(error, /^The database refused a row: SQLSTATE 54000/)
  const told = [...app.log, JSON.stringify(rows)].filter((line) => line.includes(address.slice(0, 36)))
  t.same(told, [], 'neither the log nor an answer tells what is in the event')
})

t.test('a retry says how far it came', async (t) => {
  t.match(await app.ask('POST', path('contact-c3', 'retry')), {
    status: 200,
    json: { stream: 'contact-c3', folded: 0, remaining: 1, error: /SQLSTATE 54000/ },
  })
  t.equal((await parked()).data[2]!.attempts, 2)
  // The event behind it takes the address back, so that together they fit.
  t.match(await app.ask('POST', path('contact-c1', 'retry')), {
    json: { folded: 2, remaining: 0, error: null },
  })
})

t.test('a skip is done once, for a reason, by somebody, and lets the rest through', async (t) => {
  const skip = (body: unknown, headers: Record<string, string> = {}, stream = 'contact-c2') =>
    app.ask('POST', path(stream, 'skip'), { body, headers })
  for (const body of [{}, { reason: ' ' }, { reason: 'a\nb' }, { reason: 'x'.repeat(501) }])
    t.match(await skip(body), { status: 400, json: { code: 'invalid-request' } })
  t.match(await skip({ reason: 'no', eventId: ids[0] }), { status: 409, json: { code: 'not-first-parked' } })
  t.equal((await parked()).data[0]!.events, 2, 'nothing was skipped so far')

  const headers = { 'mailtrail-user': 'u1', 'idempotency-key': 'skip-1' }
  const body = { reason: 'an address that nobody has', eventId: ids[1] }
  const skipped = await skip(body, headers)
  t.match(skipped, {
    status: 200,
    json: {
      stream: 'contact-c2',
      skipped: { eventId: ids[1], revision: 0 },
      folded: 1,
      remaining: 0,
      error: null,
    },
  })
  t.same((await skip(body, headers)).json, skipped.json, 'a repeat is answered as before')
  await app.pool.query('delete from mailtrail.idempotency_keys')
  t.match(
    await skip(body, headers),
    { status: 200, json: { skipped: { eventId: ids[1] } } },
    'or as far as is known',
  )
  t.same(await shown(), ['c1', 'c2', 'c4'])
  const { rows } = await app.pool.query('select * from mailtrail.skipped_events')
  t.match(rows, [{ stream: 'contact-c2', event_id: ids[1], skipped_by: 'user u1', reason: body.reason }])

  t.match(await skip({ reason: 'it is empty' }, {}, 'contact-c3'), { json: { folded: 0, remaining: 0 } })
  t.same((await parked()).data, [])
})

t.test('what is not parked is not found', async (t) => {
  const asked = [
    ['GET', '/v1/projections/none/parked'],
    ['POST', '/v1/projections/none/parked/contact-c1/retry'],
    ['POST', path('contact-c3', 'retry')],
    ['POST', path('contact-c3', 'skip'), { reason: 'gone' }],
    ['POST', path(encodeURIComponent('a/b c'), 'retry')],
  ] as const
  for (const [method, at, body] of asked)
    t.match(await app.ask(method, at, { body }), { status: 404, json: { code: 'not-found' } }, at)
})
