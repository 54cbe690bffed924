import { Kysely, PostgresDialect } from 'kysely'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import t from 'tap'
import { isEverybodys } from '../../../src/adapters/linking/free-mail.ts'
import { z } from 'zod'
import { memoryEventStore } from '../../support/memory-event-store.ts'
import { postgresApiKeys } from '../../../src/adapters/postgres/api-keys.ts'
import { postgresIdempotency } from '../../../src/adapters/postgres/idempotency.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { prepareReadModels } from '../../../src/adapters/postgres/projections/state/prepare.ts'
import { giveKeyAccess, revokeKeyAccess } from '../../../src/commands/accounts/key-access.ts'
import { accessCommands } from '../../../src/commands/access/access.ts'
import { directoryCommands } from '../../../src/commands/directory/directory.ts'
import { handler, loader } from '../../../src/commands/handle.ts'
import { RevisionConflict } from '../../../src/commands/ports/event-log.ts'
import { storedKey } from '../../support/stored-key.ts'
import type { Permission } from '../../../src/http/server/permissions.ts'
import { directoryRoutes } from '../../../src/http/directory/directory.ts'
import { apiKeyRoutes } from '../../../src/http/access/api-keys.ts'
import { buildServer, problems, type App } from '../../../src/http/server/server.ts'
import { directoryProjections, directoryQueries } from '../../../src/projections/directory/directory.ts'
import { accountList } from '../../../src/projections/accounts/account-list.ts'
import { serverSettings } from '../../support/server-settings.ts'
import { testDatabase } from '../../support/test-database.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)
await prepareReadModels(pool, directoryProjections)

const apiKeys = postgresApiKeys(pool)
const idempotency = postgresIdempotency(pool)

const makeKey = async (
  scopes: ('*' | Permission)[],
  userId: string | null = null,
  expiresAt: string | null = null,
) => {
  const { id, token } = await storedKey(apiKeys, { scopes, userId, expiresAt })
  return { id, headers: { authorization: `Bearer ${token.reveal()}` } }
}

const log: string[] = []
const store = memoryEventStore()
const clock = () => new Date()
const app = await buildServer({
  clock,
  apiKeys,
  idempotency,
  fingerprintKey: Buffer.alloc(32, 7),
  waitFor: async (_name, position) => position < 'n',
  logLevel: 'info',
  ...serverSettings,
  trustProxy: [],
  logTo: { write: (line) => void log.push(line) },
})
const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
const core = { handle: handler(store, clock), load: loader(store) }
directoryRoutes(app, {
  commands: directoryCommands({ ...core, isEverybodys }),
  queries: directoryQueries(db),
  requireSender: async () => {},
})
const granting = {
  ...core,
  clock,
  fingerprint: (text: string) => text,
  directory: { user: async () => null },
  accountsWith: async () => [],
}
apiKeyRoutes(app, {
  commands: accessCommands({ ...core, apiKeys, clock }),
  apiKeys,
  accounts: {
    commands: { giveKeyAccess: giveKeyAccess(granting), revokeKeyAccess: revokeKeyAccess(granting) },
    queries: { membershipsOf: async () => new Map(), readModels: { accountList } },
  },
})
let contenders = 1
app.post('/contended', {
  config: { permission: 'system:read' },
  schema: { response: { 200: z.object({}), ...problems } },
  handler: async () => {
    if (contenders-- > 0) throw new RevisionConflict('contact-x', 0, 1)
    return {}
  },
})
app.get('/broken', {
  config: { permission: 'public' },
  schema: { response: { 200: z.object({ fine: z.boolean() }), ...problems } },
  handler: () => {
    throw new Error('password=hunter2 leaked by a library')
  },
})
t.teardown(() => app.close())
const master = await makeKey(['*'])

type Injected = Awaited<ReturnType<App['inject']>>
const problemOf = (answer: Injected) => {
  t.equal(answer.headers['content-type'], 'application/problem+json')
  const body = answer.json<{
    status: number
    code: string
    remedy: string
    traceId: string
    detail: string
  }>()
  t.equal(body.status, answer.statusCode)
  t.ok(body.remedy.length > 10, `${body.code} has a remedy`)
  t.ok(body.traceId)
  return body
}
const put = (headers: Record<string, string>, payload: object = { firstName: 'Mia' }, id = 'mia') =>
  app.inject({
    method: 'PUT',
    url: `/v1/directory/contacts/${id}`,
    headers: { ...master.headers, ...headers },
    payload,
  })

t.test('a route without a declared permission does not come into being', async (t) => {
  t.throws(() => app.get('/forgotten', {}, async () => ({})), /declares no permission/)
})

t.test('a request is let in by a valid key with the permission, and by nothing else', async (t) => {
  const get = (headers: Record<string, string>) =>
    app.inject({ url: '/v1/directory/contacts/nobody', headers })
  const reader = await makeKey(['directory:read'])
  t.equal((await get(reader.headers)).statusCode, 404, 'let in')
  t.equal(problemOf(await get({})).code, 'not-authenticated')
  t.equal(problemOf(await get({ authorization: 'Bearer nonsense' })).code, 'not-authenticated')
  const [last] = reader.headers.authorization.slice(-1)
  const flipped = reader.headers.authorization.slice(0, -1) + (last === '0' ? '1' : '0')
  t.equal(problemOf(await get({ authorization: flipped })).code, 'not-authenticated', 'a wrong checksum')
  t.equal(problemOf(await get((await makeKey(['accounts:read'])).headers)).code, 'permission-missing')
  const expired = await makeKey(['*'], null, new Date(Date.now() - 1000).toISOString())
  t.equal(problemOf(await get(expired.headers)).code, 'not-authenticated', 'an expired key')
  await app.inject({ method: 'DELETE', url: `/v1/api-keys/${reader.id}`, headers: master.headers })
  t.equal(problemOf(await get(reader.headers)).code, 'not-authenticated', 'a revoked key')
})

t.test('a key that is bound to a user acts for no other', async (t) => {
  const bound = await makeKey(['*'], 'u-1')
  const ask = (user: string) =>
    app.inject({ url: '/v1/directory/contacts/x', headers: { ...bound.headers, 'mailtrail-user': user } })
  t.equal(problemOf(await ask('u-2')).code, 'other-user')
  t.equal(problemOf(await ask('u-1')).code, 'not-found')
  t.equal(problemOf(await ask('a@b.test')).code, 'invalid-user')
  await put({ 'mailtrail-user': 'u-7' }, { firstName: 'By seven' }, 'seven')
  const [event] = await store.readStream('contact-seven')
  t.match(event?.metadata.actor, { kind: 'user', id: 'u-7', via: { bound: false } })
})

t.test(
  'a key makes none that may do more than itself, and one that is bound to a user makes none',
  async (t) => {
    const ask = (headers: Record<string, string>, scopes: string[]) =>
      app.inject({ method: 'POST', url: '/v1/api-keys', headers, payload: { name: 'new', scopes } })
    const keeper = await makeKey(['keys:manage', 'directory:read'])
    t.equal((await ask(keeper.headers, ['directory:read'])).statusCode, 201)
    for (const scopes of [['*'], ['directory:read', 'messages:read']])
      t.equal(problemOf(await ask(keeper.headers, scopes)).code, 'permission-not-held')
    const bound = await makeKey(['*'], 'u1')
    t.equal(problemOf(await ask(bound.headers, ['directory:read'])).code, 'key-bound')
    const revoke = { method: 'DELETE', url: `/v1/api-keys/${keeper.id}`, headers: bound.headers } as const
    t.equal(problemOf(await app.inject(revoke)).code, 'key-bound')
  },
)

t.test('a token of a key is shown once and kept nowhere', async (t) => {
  const made = await app.inject({
    method: 'POST',
    url: '/v1/api-keys',
    headers: { ...master.headers, 'idempotency-key': 'once' },
    payload: { name: 'CRM', scopes: ['directory:read'] },
  })
  const { token } = made.json<{ token: string }>()
  t.match(token, /^mt_/)
  const { rows } = await pool.query<{ dump: string }>(
    `select coalesce(string_agg(k::text, ''), '') || (select coalesce(string_agg(i::text, ''), '') from mailtrail.idempotency_keys i) as dump
     from mailtrail.api_keys k`,
  )
  t.notOk(rows[0]?.dump.includes(token.split('_')[2]!))
  const listed = await app.inject({ url: '/v1/api-keys', headers: master.headers })
  t.notOk(listed.body.includes(token))
})

t.test('a repeat under one Idempotency-Key is answered as before and does nothing', async (t) => {
  const first = await put({ 'idempotency-key': 'k1' }, { firstName: 'Ada' }, 'ada')
  await put({}, { firstName: 'Changed since' }, 'ada')
  const again = await put({ 'idempotency-key': 'k1' }, { firstName: 'Ada' }, 'ada')
  t.equal(again.headers['idempotent-replayed'], 'true')
  t.equal(again.body, first.body)
  t.equal(again.headers.etag, first.headers.etag)
  t.equal(again.headers['event-position'], first.headers['event-position'])
  t.equal((await store.readStream('contact-ada')).length, 2)
  const other = await put({ 'idempotency-key': 'k1' }, { firstName: 'Somebody else' }, 'ada')
  t.equal(problemOf(other).code, 'idempotency-key-reused')
  t.equal(problemOf(await put({ 'idempotency-key': 'x'.repeat(256) })).code, 'invalid-idempotency-key')
})

t.test('a repeat is known by the log itself where its kept answer was lost', async (t) => {
  const first = await put({ 'idempotency-key': 'k2' }, { firstName: 'Bo' }, 'bo')
  await put({}, { firstName: 'Changed since' }, 'bo')
  await pool.query('delete from mailtrail.idempotency_keys')
  const again = await put({ 'idempotency-key': 'k2' }, { firstName: 'Bo' }, 'bo')
  t.equal(again.headers.etag, first.headers.etag)
  t.equal((await store.readStream('contact-bo')).length, 2, 'and nothing was written')
})

t.test('one Idempotency-Key of two users is two keys to the log, and a different request', async (t) => {
  const asking = (user: string) => ({ 'idempotency-key': 'k9', 'mailtrail-user': user })
  const answer = await put(asking('u1'), { firstName: 'Di' }, 'di')
  t.equal(answer.statusCode, 200)
  t.equal(problemOf(await put(asking('u2'), { firstName: 'Di' }, 'di')).code, 'idempotency-key-reused')
  await pool.query('delete from mailtrail.idempotency_keys')
  await put(asking('u2'), { firstName: 'Ed' }, 'di')
  t.equal((await store.readStream('contact-di')).length, 2, 'what the other asked was not taken for a repeat')
})

t.test('a conflict is not kept: the same request may be sent again under its key', async (t) => {
  const headers = { ...master.headers, 'idempotency-key': 'k10' }
  const ask = () => app.inject({ method: 'POST', url: '/contended', headers })
  t.equal(problemOf(await ask()).code, 'conflict')
  t.equal((await ask()).statusCode, 200)
})

t.test('of many requests under one key at once exactly one is worked on', async (t) => {
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => put({ 'idempotency-key': 'k3' }, { firstName: 'Cy' }, 'cy')),
  )
  t.ok(
    answers.every(
      (answer) => answer.statusCode === 200 || problemOf(answer).code === 'idempotency-key-in-use',
    ),
  )
  t.equal((await store.readStream('contact-cy')).length, 1)
})

t.test('malformed input is a problem with a remedy that names the field', async (t) => {
  const wrong = problemOf(await put({}, { firstName: 7 })) as unknown as { errors: { path: string }[] }
  t.same(
    wrong.errors.map((error) => error.path),
    ['body/firstName'],
  )
  const raw = (payload: string, type = 'application/json') =>
    app.inject({
      method: 'PUT',
      url: '/v1/directory/contacts/mia',
      headers: { ...master.headers, 'content-type': type },
      payload,
    })
  t.equal(problemOf(await raw('{"a":')).code, 'malformed-json')
  t.equal(problemOf(await raw('<a/>', 'text/xml')).code, 'unsupported-media-type')
  t.equal(problemOf(await raw(`{"firstName":"${'x'.repeat(3_000_000)}"}`)).code, 'body-too-large')
  t.equal(problemOf(await put({}, { firstName: 'A\r\nB' })).code, 'invalid-request', 'a control character')
  t.equal(problemOf(await app.inject({ url: '/nothing', headers: master.headers })).code, 'no-such-route')
  const cursor = await app.inject({ url: '/v1/directory/users?cursor=e30', headers: master.headers })
  t.equal(problemOf(cursor).code, 'invalid-cursor')
})

t.test('what fails on our side is answered with a trace id alone', async (t) => {
  const body = problemOf(await app.inject({ url: '/broken' }))
  t.equal(body.code, 'internal')
  t.notMatch(JSON.stringify(body), /hunter2/)
  t.ok(
    log.some((line) => line.includes(body.traceId)),
    'and the log has it',
  )
})

t.test('min_position waits for the read model, or says that it is not there yet', async (t) => {
  const list = (position: string) =>
    app.inject({ url: `/v1/directory/users?min_position=${position}`, headers: master.headers })
  t.equal((await list('m:1')).statusCode, 200)
  const late = await list('z:1')
  t.equal(problemOf(late).code, 'not-caught-up')
  t.equal(late.headers['retry-after'], '1')
})

t.test('the API describes itself', async (t) => {
  const described = (await app.inject({ url: '/docs/json' })).json<{
    openapi: string
    paths: Record<string, object>
  }>()
  t.equal(described.openapi, '3.1.0')
  t.ok(described.paths['/v1/directory/contacts/{id}'])
})

t.test('no key and no path with a token is in the log', async (t) => {
  const text = log.join('')
  t.notMatch(text, /Bearer|mt_[0-9a-z]/)
})

t.test('a client that is still writing a body that is too large gets its 413, and no reset', async (t) => {
  const { headers } = await makeKey(['directory:write'])
  if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text))
  await once(socket, 'connect')
  const size = 20 * 1024 * 1024
  socket.write(
    `PUT /v1/directory/contacts/c1 HTTP/1.1\r\nhost: x\r\nauthorization: ${headers.authorization}\r\n` +
      `content-type: application/json\r\ncontent-length: ${size}\r\n\r\n`,
  )
  // Slower than the answer comes: what is written behind it must still be taken.
  for (let written = 0; written < size; written += 1024 * 1024) {
    if (!socket.write(Buffer.alloc(1024 * 1024, ' '))) await once(socket, 'drain')
  }
  while (!answer.includes('body-too-large')) await once(socket, 'data')
  socket.destroy()
  t.match(answer, /^HTTP\/1\.1 413 /)
})
