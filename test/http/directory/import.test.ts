import http from 'node:http'
import { json } from 'node:stream/consumers'
import t from 'tap'
import { problemIn } from '../../support/problem-answers.ts'
import { startApp } from '../../support/running-app.ts'

const app = await startApp(t, { env: { MAILTRAIL_REQUEST_TIMEOUT_SECONDS: '6' } })

type Counts = {
  readonly created: number
  readonly changed: number
  readonly unchanged: number
  readonly removed: number
  readonly failed: number
  readonly errors: readonly { readonly line: number; readonly reason: string }[]
}
type Sent = { readonly status: number; readonly headers: Headers; readonly json: unknown }

const post = async (body: string | Buffer, type = 'application/x-ndjson'): Promise<Sent> => {
  const answer = await fetch(`${app.url}/v1/directory/imports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${app.key}`, 'content-type': type },
    body,
  })
  return { status: answer.status, headers: answer.headers, json: await answer.json() }
}
const inLines = (...lines: readonly object[]): string => lines.map((line) => JSON.stringify(line)).join('\n')
const imported = async (...lines: readonly object[]): Promise<Counts> => {
  const { status, json } = await post(inLines(...lines))
  if (status !== 200) throw new Error(`${status}: ${JSON.stringify(json)}`)
  return json as Counts
}
const none = { created: 0, changed: 0, unchanged: 0, removed: 0, failed: 0, errors: [] }
const contact = (id: string, value: object) => ({ kind: 'contact', id, value })
const events = async (): Promise<number> => {
  const { rows } = await app.pool.query<{ count: number }>('select count(*) as count from es.events')
  return rows[0]!.count
}

t.test(
  'records are made, replaced and deleted, and what is already as it is to be is left alone',
  async (t) => {
    const lines = [
      { kind: 'user', id: 'iu1', value: { name: 'Sarah' } },
      { kind: 'company', id: 'ic1', value: { name: 'Acme', domains: ['ACME.test'], ownerId: 'iu1' } },
      contact('i1', { firstName: 'Ann', emails: ['ann@acme.test'], companyId: 'ic1' }),
      contact('i2', { firstName: 'Bob' }),
      { kind: 'deal', id: 'id1', value: { name: 'Renewal', contactIds: ['i1'] } },
    ]
    t.strictSame(await imported(...lines), { ...none, created: 5 })
    t.match(await app.client.get('/v1/directory/companies/ic1'), { domains: ['acme.test'] })
    const before = await events()
    t.strictSame(await imported(...lines), { ...none, unchanged: 5 })
    t.equal(await events(), before, 'nothing was recorded the second time')
    const changes = [
      contact('i1', { firstName: 'Anna' }),
      { kind: 'contact', id: 'i2', remove: true },
      { kind: 'contact', id: 'nobody', remove: true },
      contact('i2', { firstName: 'Bea' }),
      contact('i2', { firstName: 'Bert' }),
    ]
    const { headers, json } = await post(`\n${inLines(...changes).replaceAll('\n', '\r\n\r\n')}\r\n`)
    t.strictSame(json, { ...none, changed: 2, removed: 1, unchanged: 1, created: 1 })
    t.match(
      await app.client.get('/v1/directory/contacts/i2'),
      { firstName: 'Bert' },
      'in the order of the lines',
    )
    const at = encodeURIComponent(headers.get('event-position')!)
    const found = await app.client.get<{ data: object[] }>(
      `/v1/directory/contacts?search=bert&min_position=${at}`,
    )
    t.match(found.data, [{ id: 'i2' }], 'its position can be waited for')
  },
)

t.test(
  'a line that cannot be taken is reported with its number and does not hold up the others',
  async (t) => {
    await imported(contact('e1', {}), contact('e2', {}))
    await app.client.send('POST', '/v1/directory/contacts/e1/merge', { into: 'e2' })
    const bad: [line: string | Buffer, reason: RegExp][] = [
      ['{"kind": "contact"', /^The line is not JSON\.$/],
      ['[]', /^line: .*object/],
      ['7', /^line: .*object/],
      ['{"kind": "lead", "id": "x", "value": {}}', /^kind: /],
      ['{"kind": "contact", "id": "a@b.test", "value": {}}', /^id: must have/],
      ['{"kind": "contact", "id": "x"}', /^value: /],
      ['{"kind": "contact", "id": "x", "remove": false}', /^remove: /],
      ['{"kind": "contact", "id": "x", "remove": true, "value": {}}', /^value: is unknown here/],
      [
        '{"kind": "contact", "id": "x", "value": {"ownrId": "u"}}',
        /^value\/ownrId: is unknown here; did you mean ownerId\?\.$/,
      ],
      [
        '{"kind": "contact", "id": "x", "value": {"emails": ["a", "b@c.test"]}}',
        /^value\/emails\/0: is not an email address\.$/,
      ],
      [
        '{"kind": "company", "id": "x", "value": {"name": "X", "domains": ["x"]}}',
        /^value\/domains\/0: is not a domain/,
      ],
      ['{"kind": "deal", "id": "x", "value": {}}', /^value\/name: /],
      [
        '{"kind": "contact", "id": "x", "value": {"lastName": "\\ud800"}}',
        /^value\/lastName: has .*surrogate/,
      ],
      ['{"kind": "organization", "id": "main", "value": {"name": "X"}}', /^kind: /],
      [Buffer.from([0x22, 0xff, 0x22]), /^The line is not in UTF-8\.$/],
      [
        `{"kind": "contact", "id": "x", "value": {"lastName": "${'x'.repeat(70_000)}"}}`,
        /^The line is too long\.$/,
      ],
      ['{"kind": "contact", "id": "e1", "value": {}}', /^The contact was merged into e2\. Use /],
    ]
    const good = (n: number) => Buffer.from(`${JSON.stringify(contact(`good-${n}`, {}))}\n`)
    const body = Buffer.concat(bad.flatMap(([line], n) => [Buffer.from(line), Buffer.from('\n'), good(n)]))
    const { status, json } = await post(body)
    const { errors, ...counts } = json as Counts
    t.match(
      { status, counts },
      { status: 200, counts: { created: bad.length, failed: bad.length, changed: 0 } },
    )
    for (const [n, [line, reason]] of bad.entries()) {
      t.equal(errors[n]?.line, 2 * n + 1)
      t.match(errors[n]?.reason, reason, String(line).slice(0, 60))
    }
    problemIn(t, await app.ask('GET', '/v1/directory/contacts/x'), 404, 'not-found')
  },
)

t.test('of many bad lines the first hundred are told, and all are counted', async (t) => {
  const { errors, ...counts } = await imported(
    ...Array.from({ length: 1500 }, (_, n) => (n % 2 === 0 ? contact(`many-${n}`, {}) : { kind: 'no' })),
  )
  t.strictSame(counts, { created: 750, changed: 0, unchanged: 0, removed: 0, failed: 750 })
  t.strictSame(
    errors.map(({ line }) => line),
    Array.from({ length: 100 }, (_, n) => 2 * n + 2),
  )
})

t.test('what is no import at all is refused as such', async (t) => {
  const answer = async (body: string, type?: string) => {
    const { status, headers, json } = await post(body, type)
    return { status, headers, json, bytes: Buffer.alloc(0) }
  }
  problemIn(t, await answer('\n\n'), 400, 'empty-file')
  problemIn(t, await answer('{}', 'application/json'), 415, 'unsupported-media-type')
  const reader = await app.makeKey('directory:read')
  const options = { key: reader, headers: { 'content-type': 'application/x-ndjson' }, body: {} }
  problemIn(t, await app.ask('POST', '/v1/directory/imports', options), 403, 'permission-missing')
})

/** An import whose body is written by hand; the answer when it comes. */
const open = () => {
  const request = http.request(`${app.url}/v1/directory/imports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${app.key}`, 'content-type': 'application/x-ndjson' },
  })
  const answer = new Promise<{ status: number; body: unknown }>((resolve, reject) => {
    request.on('error', reject).on('response', (response) => {
      json(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject)
    })
  })
  return { request, answer }
}
const isThere = async (id: string) => (await app.ask('GET', `/v1/directory/contacts/${id}`)).status === 200

t.test('an import may take longer than other requests, as long as more of it arrives', async (t) => {
  const { request, answer } = open()
  const start = performance.now()
  let sent = 0
  // More than the time in which other requests must have arrived, and that between two looks at it.
  while (performance.now() - start < 12_000) {
    const lines = Array.from({ length: 500 }, () => contact(`slow-${sent++}`, {}))
    request.write(`${inLines(...lines)}\n`)
    while (!(await isThere(`slow-${sent - 500}`))) await new Promise(setImmediate)
  }
  request.end()
  t.match(await answer, { status: 200, body: { created: sent, failed: 0 } })
})

t.test('one of which nothing more arrives is answered, and what arrived before is taken', async (t) => {
  const { request, answer } = open()
  const lines = Array.from({ length: 1000 }, (_, n) => contact(`stalled-${n}`, {}))
  request.write(inLines(...lines))
  t.match(await answer, { status: 408, body: { code: 'request-timeout' } })
  t.ok(await isThere('stalled-0'))
  request.destroy()
})

t.test('one that its sender breaks off is completed by sending it again', async (t) => {
  const lines = Array.from({ length: 1200 }, (_, n) => contact(`cut-${n}`, { firstName: `C ${n}` }))
  const { request, answer } = open()
  answer.catch(() => {})
  request.write(`${inLines(...lines.slice(0, 600))}\n`)
  while (!(await isThere('cut-0'))) await new Promise(setImmediate)
  request.destroy()
  const { created, unchanged, failed } = await imported(...lines)
  t.equal(created + unchanged, 1200)
  t.ok(unchanged > 0)
  t.equal(failed, 0)
  t.strictSame(await imported(...lines), { ...none, unchanged: 1200 })
  t.strictSame(
    app.log.filter((line) => line.includes('"level":50')),
    [],
    'what is no fault of ours is not logged as one',
  )
})
