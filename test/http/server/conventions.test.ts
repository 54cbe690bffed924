import t from 'tap'
import { startApp } from '../../support/running-app.ts'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { problemIn } from '../../support/problem-answers.ts'

const page = 'https://crm.example.com'
const app = await startApp(t, { env: { MAILTRAIL_CORS_ORIGINS: `${page}, https://other.example.com` } })
await seedAccounts(t, app.pool, [{ n: 1, owner: { kind: 'team' } }])
for (const id of ['u1', 'u2', 'u3']) await app.client.send('PUT', `/v1/directory/users/${id}`, { name: id })

t.test('a path that there is answers other methods with 405, and says which it has', async (t) => {
  for (const [method, path, allow] of [
    ['DELETE', '/v1/outbox', 'GET, HEAD, OPTIONS, POST'],
    ['POST', '/v1/directory/users/u1', 'DELETE, GET, HEAD, OPTIONS, PUT'],
    ['PUT', '/v1/outbox/', 'GET, HEAD, OPTIONS, POST'],
    ['PROPFIND', '/health', 'GET, HEAD, OPTIONS'],
    ['POST', '/t/o/abc', 'GET, HEAD, OPTIONS'],
  ] as const) {
    const answer = await app.ask(method, path)
    problemIn(t, answer, 405, 'method-not-allowed')
    t.equal(answer.headers.get('allow'), allow, `${method} ${path}`)
  }
  problemIn(t, await app.ask('DELETE', '/v1/nothing'), 404, 'no-such-route')
  const options = await app.ask('OPTIONS', '/v1/drafts', { key: null })
  t.match(options, { status: 204, bytes: { length: 0 } })
  t.equal(options.headers.get('allow'), 'GET, HEAD, OPTIONS, POST')
})

t.test('HEAD answers as GET does, without a body', async (t) => {
  for (const { url } of app.routes.filter(
    ({ method, url: each }) => method === 'GET' && !/[:*]/.test(each),
  )) {
    const [head, get] = [await app.ask('HEAD', url), await app.ask('GET', url)]
    t.equal(head.status, get.status, `HEAD ${url}`)
    t.equal(head.bytes.length, 0)
    t.equal(head.headers.get('content-type'), get.headers.get('content-type'))
  }
  const head = await app.ask('HEAD', '/v1/directory/users/u1')
  const get = await app.ask('GET', '/v1/directory/users/u1')
  t.equal(head.headers.get('etag'), get.headers.get('etag'))
  t.equal(head.headers.get('content-length'), String(get.bytes.length))
})

t.test('who is not let in is told how: with a challenge (RFC 6750)', async (t) => {
  const challengeOf = async (key: string | null, path = '/v1/outbox') =>
    (await app.ask('GET', path, { key })).headers.get('www-authenticate')
  t.equal(await challengeOf(null), 'Bearer realm="Mailtrail"')
  t.match(await challengeOf('mt_wrong'), /^Bearer realm="Mailtrail", error="invalid_token"/)
  t.equal(
    await challengeOf(await app.makeKey('directory:read')),
    'Bearer realm="Mailtrail", error="insufficient_scope", scope="messages:read"',
  )
  t.equal(await challengeOf(app.key), null)
})

t.test('what is personal is kept by no cache, and what is the same for all may be', async (t) => {
  const cacheOf = async (path: string) => (await app.ask('GET', path)).headers.get('cache-control')
  for (const path of ['/v1/outbox', '/v1/directory/users/u1', '/v1/nothing', '/health', '/%'])
    t.equal(await cacheOf(path), 'no-store', path)
  for (const path of ['/docs/json', '/problems', '/problems/not-found'])
    t.match(await cacheOf(path), /^public, max-age=\d+$/, path)
  t.equal(await cacheOf('/problems/no-such-code'), 'no-store')
})

t.test('an id that a request comes with is its id everywhere; any other is made', async (t) => {
  const idOf = async (id: string, path = '/v1/nothing') =>
    (await app.ask('GET', path, { headers: { 'x-request-id': id } })).headers.get('x-request-id')
  const given = 'crm-7f3a.2026:11'
  const answer = await app.ask('PUT', '/v1/directory/users/u4', {
    body: { name: 'Four' },
    headers: { 'x-request-id': given },
  })
  t.equal(answer.headers.get('x-request-id'), given)
  const { rows } = await app.pool.query<{ id: string }>(
    `select metadata ->> 'correlationId' as id from es.events order by position desc limit 1`,
  )
  t.equal(rows[0]?.id, given, 'the event has it')
  const problem = await app.ask('GET', '/v1/nothing', { headers: { 'x-request-id': given } })
  t.match(problem.json, { traceId: given })
  for (const path of ['/v1/nothing', '/%', '/v1/outbox', '/health'])
    for (const odd of ['short', 'with space', 'a@b.example', 'x'.repeat(200)])
      t.match(await idOf(odd, path), /^[0-9a-f-]{36}$/, `${path} ${odd}`)
})

t.test('a page leads to the next one, and the last one nowhere', async (t) => {
  const seen: string[] = []
  let next: string | undefined = '/v1/directory/users?limit=2'
  await app.ask('GET', `${next}&min_position=${encodeURIComponent(await headOf())}`)
  while (next !== undefined) {
    const { headers, json } = await app.ask('GET', next)
    seen.push(...(json as { data: { id: string }[] }).data.map(({ id }) => id))
    next = /^<(\/v1\/directory\/users\?limit=2&cursor=[\w%-]+)>; rel="next"$/.exec(
      headers.get('link') ?? '',
    )?.[1]
  }
  t.same(seen, ['u1', 'u2', 'u3', 'u4'])
})

const headOf = async () =>
  (await app.client.send('PUT', '/v1/directory/users/u1', { name: `u1 ${Math.random()}` })).position ?? ''

t.test(
  'the making of a key that is repeated makes no other, and does not show the first again',
  async (t) => {
    const headers = { 'idempotency-key': 'make-once' }
    const body = { name: 'once', scopes: ['system:read'] }
    const made = await app.ask('POST', '/v1/api-keys', { body, headers })
    const { id, token } = made.json as { id: string; token: string }
    t.match(token, /^mt_/)
    const again = await app.ask('POST', '/v1/api-keys', { body, headers })
    t.match(again, { status: 201, json: { id, token: null } })
    t.equal(again.headers.get('idempotent-replayed'), 'true')
    const { data } = await app.client.get<{ data: { name: string }[] }>('/v1/api-keys')
    t.equal(data.filter(({ name }) => name === 'once').length, 1)
    const other = await app.ask('POST', '/v1/api-keys', { body: { ...body, name: 'twice' }, headers })
    problemIn(t, other, 422, 'idempotency-key-reused')
    const kept = await app.pool.query(
      `select from mailtrail.idempotency_keys i where i::text like '%' || $1 || '%'`,
      [token],
    )
    t.equal(kept.rows.length, 0)
  },
)

t.test("a page of a listed origin uses the API, as a browser's preflight asks", async (t) => {
  const preflight = (origin: string, path = '/v1/drafts/x') =>
    app.ask('OPTIONS', path, {
      key: null,
      headers: {
        origin,
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'authorization,content-type,if-match',
      },
    })
  const { status, headers } = await preflight(page)
  t.equal(status, 204)
  t.equal(headers.get('access-control-allow-origin'), page)
  t.match(headers.get('access-control-allow-methods'), /\bPATCH\b/)
  const accepted = (headers.get('access-control-allow-headers') ?? '').toLowerCase().split(', ')
  for (const name of ['authorization', 'content-type', 'if-match', 'idempotency-key', 'mailtrail-user'])
    t.ok(accepted.includes(name), name)
  t.match(headers.get('vary'), /\bOrigin\b/)
  t.equal((await preflight(page, '/v1/nothing')).status, 404, 'and of nothing that is not there')

  for (const path of ['/v1/directory/users/u1', '/v1/nothing', '/v1/drafts?perod=1']) {
    const answer = await app.ask('GET', path, { headers: { origin: page } })
    t.equal(answer.headers.get('access-control-allow-origin'), page, path)
    const exposed = answer.headers.get('access-control-expose-headers')?.split(', ') ?? []
    for (const name of [
      'ETag',
      'Event-Position',
      'Link',
      'Location',
      'Retry-After',
      'X-Request-Id',
      'RateLimit',
      'RateLimit-Policy',
    ])
      t.ok(exposed.includes(name), name)
  }
  for (const origin of ['https://evil.example.com', 'null', `${page}.evil.test`]) {
    t.equal((await preflight(origin)).headers.get('access-control-allow-origin'), null, origin)
    const answer = await app.ask('GET', '/v1/drafts', { headers: { origin } })
    t.equal(answer.headers.get('access-control-allow-origin'), null)
    t.match(answer.headers.get('vary'), /\bOrigin\b/)
  }
})
