import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import t from 'tap'
import { anyCharacter } from '../../support/any-character.ts'
import { startApp } from '../../support/running-app.ts'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { idOf } from '../../support/example-emails.ts'
import { describedCodes } from '../../support/described-codes.ts'
import { isLong } from '../../support/long-runs.ts'

// Every operation of the API description, asked rightly, almost rightly and wrongly: whatever is said, the answer is
// of the documented kind, a problem says what to do, and nothing of the inside is told. FUZZ_SEED repeats a run.

type Schema = {
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  oneOf?: Schema[]
  $ref?: string
  format?: string
  pattern?: string
  minimum?: number
  maximum?: number
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
}
type Operation = {
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, { $ref?: string }>
}
type Description = {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; responses: Record<string, { $ref?: string }> }
}

const LONG = 20_000
const SECONDS = 4
const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const app = await startApp(t)
const position = await seedAccounts(t, app.pool, [
  { n: 1, owner: { kind: 'team' } },
  { n: 2, owner: { kind: 'user', userId: 'u1' } },
])
await app.client.send('PUT', '/v1/directory/users/u1', { name: 'One' })
const description = (await app.ask('GET', '/docs/json')).json as Description
const operations = Object.entries(description.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
)

const cursorOf = (key: unknown) => Buffer.from(JSON.stringify(key)).toString('base64url')
const texts = [
  '',
  '\0',
  'a\0b',
  '\ud800',
  "'; drop table es.events; --",
  '%00',
  '../..',
  '__proto__',
  'NaN',
  'a\r\nb: c',
  '0000-01-01T00:00:00Z',
  '9999-12-31T23:59:59-23:59',
  '2026-02-30T00:00:00Z',
  '2026-13-45',
  'x'.repeat(5000),
  '*'.repeat(300),
  '{contact.first_name',
  '<mjml><mj-include path="/"/>',
]
const values = [-1, 0, 1.5, 2 ** 31, 2 ** 53, 1e308, null, true, [], {}, [[]], { kind: 'user' }]
const hostile = fc.oneof(
  fc.constantFrom<unknown>(...texts),
  fc.constantFrom<unknown>(...values),
  fc.string({ unit: anyCharacter, maxLength: 40 }),
)
const part = fc.constantFrom<unknown>(
  7,
  null,
  'x',
  '\0',
  '2026-01-01T00:00:00.000Z',
  '0000-01-01T00:00:00Z',
  {},
)
const cursor = fc.array(part, { maxLength: 3 }).map(cursorOf)
const minPosition = fc.constantFrom(position, 'm:00000000000000000001', 'e:5', 'p:1', '', '~', 'p:-1', '\0')
const ids = ['acc', 'msg', 'not', 'ntf', 'out', 'sin', 'tle', 'tpl', 'thr', 'whk'].flatMap((prefix) =>
  [1, 2, 9].map((n) => idOf(prefix, n)),
)

const resolve = (schema: Schema): Schema =>
  schema.$ref === undefined
    ? schema
    : resolve(description.components.schemas[schema.$ref.split('/').at(-1)!]!)

const textOf = ({ format, pattern }: Schema): fc.Arbitrary<string> => {
  if (pattern !== undefined && /_\[/.test(pattern))
    return fc.constantFrom(...ids.filter((id) => new RegExp(pattern, 'u').test(id)))
  if (format === 'date-time') return fc.constantFrom('2999-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z')
  if (format === 'date') return fc.constantFrom('2026-01-01', '2026-12-31')
  if (pattern !== undefined && /0-9a-f/.test(pattern)) return fc.constant('a'.repeat(64))
  return fc.oneof(
    fc.constantFrom('u1', 'a@b.test', 'Hello {contact.first_name|there}'),
    fc.string({ minLength: 1 }),
  )
}

/** Values that fit the schema; with `wild`, some places hold what does not. Hosts stay on this machine. */
const valueOf = (written: Schema, wild: boolean, name = ''): fc.Arbitrary<unknown> => {
  const schema = resolve(written)
  const options = schema.anyOf ?? schema.oneOf
  const fitting = (): fc.Arbitrary<unknown> => {
    if (name === 'host') return fc.constant('127.0.0.1')
    if (schema.const !== undefined) return fc.constant(schema.const)
    if (schema.enum) return fc.constantFrom(...schema.enum)
    if (options) return fc.oneof(...options.map((option) => valueOf(option, wild)))
    switch ([schema.type].flat()[0] ?? 'string') {
      case 'object': {
        const { properties = {}, required = [] } = schema
        const members = Object.entries(properties).map(([key, of]) => [key, valueOf(of, wild, key)] as const)
        return fc.record(Object.fromEntries(members), { requiredKeys: wild ? [] : required })
      }
      case 'array':
        return fc.array(valueOf(schema.items ?? {}, wild), { maxLength: 3 })
      case 'integer':
      case 'number':
        return fc.integer({
          min: Math.max(schema.minimum ?? -5, -1e6),
          max: Math.min(schema.maximum ?? 1000, 1e6),
        })
      case 'boolean':
        return fc.boolean()
      case 'null':
        return fc.constant(null)
      default:
        return textOf(schema)
    }
  }
  return wild && name !== 'host'
    ? fc.oneof({ weight: 9, arbitrary: fitting() }, { weight: 1, arbitrary: hostile })
    : fitting()
}

const textIn = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
const encoded = (value: unknown): string => encodeURIComponent(textIn(value).toWellFormed())
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
const parameter = ({ name, schema }: { name: string; schema: Schema }, wild: boolean) => {
  if (name === 'cursor') return cursor
  if (name === 'min_position') return minPosition
  return valueOf(schema, wild)
}

type Asked = { method: 'GET'; url: string; headers: Record<string, string>; payload?: string }
/** `isStray`: it has a field or a parameter that the operation does not know. */
type Case = { readonly name: string; readonly request: Asked; readonly isStray: boolean }

const isOpen = (path: string): boolean => /^\/(health|problems)/.test(path)
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const requestOf = ({ method, path, operation }: (typeof operations)[number]): fc.Arbitrary<Case> =>
  fc.boolean().chain((wild) => {
    const inPlace = (place: string) => (operation.parameters ?? []).filter((each) => each.in === place)
    const record = (place: string) =>
      fc.record(
        Object.fromEntries(inPlace(place).map((each) => [each.name, parameter(each, wild)])),
        place === 'path' ? {} : { requiredKeys: [] },
      )
    const [type, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? []
    const body = media ? valueOf(media.schema, wild) : fc.constant(undefined)
    const header = fc.constantFrom(
      '"0"',
      '"1"',
      '"x"',
      'W/"0"',
      '*',
      '1',
      'u1',
      'nobody',
      '\u00ff',
      'a'.repeat(300),
    )
    const names = ['if-match', 'mailtrail-user', 'idempotency-key', 'content-type'] as const
    return fc
      .record({
        params: record('path'),
        query: record('query'),
        body: wild ? fc.oneof(body, body, hostile) : body,
        headers: fc.record(Object.fromEntries(names.map((name) => [name, header])), { requiredKeys: [] }),
        keep: fc.constantFrom(...names, null, null, null),
        broken: fc.integer({ min: 0, max: 30 }),
        stray: fc.constantFrom('query', 'body', null, null, null, null, null, null),
      })
      .map(({ params, query, body, headers, keep, broken, stray }) => {
        const value =
          stray === 'body' && type === 'application/json' && isObject(body)
            ? { ...body, strayField: 1 }
            : body
        const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encoded(params[name]))
        const asked = Object.entries(query).map(([name, each]) => `${name}=${encoded(each)}`)
        if (stray === 'query') asked.push('perod=today')
        const text = type === undefined ? undefined : (JSON.stringify(value) ?? '')
        const request: Asked = {
          method: method as 'GET',
          url: `${url}?${asked.join('&')}`,
          headers: {
            authorization: `Bearer ${app.key}`,
            'if-match': '"0"',
            ...(type === undefined ? {} : { 'content-type': type }),
            ...(keep === null || headers[keep] === undefined ? {} : { [keep]: headers[keep] }),
          },
          ...(text === undefined ? {} : { payload: broken === 0 ? text.slice(0, -1) : text }),
        }
        const isStray = (stray === 'query' && !isOpen(path)) || value !== body
        // With an empty part, or dots, which mean a place (RFC 3986 5.2.4), it is the address of something else.
        const isElsewhere = Object.values(params).some((value) => /^\.{0,2}$/.test(encoded(value)))
        return { name: isElsewhere ? `near ${method} ${path}` : `${method} ${path}`, request, isStray }
      })
  })

/** Addresses that no route gets to see. */
const unroutable = [
  '/v1/messages/%zz',
  '/%',
  `/v1/threads/${'x'.repeat(5000)}`,
  '/t/o/%ff',
  '/v1//',
  '//evil.test',
].map((url): Case => ({
  name: url.slice(0, 20),
  request: { method: 'GET', url, headers: {} },
  isStray: false,
}))

const inside =
  /\bat \S+ \(|\.ts:\d|node_modules|\bes\.\w|\brm_|mailtrail\.\w+_|\bselect\b.*\bfrom\b|insert into|SQLSTATE/i

t.test('whatever is asked, the answer is a documented one, and says nothing of the inside', async (t) => {
  t.ok(operations.length > 55, `${operations.length} operations`)
  const answered = new Map<number, number>()
  const faults = new Map<string, unknown>()
  const check = async ({ name, request, isStray }: Case) => {
    const logged = app.log.length
    const { statusCode, headers, body } = await injected(request)
    answered.set(statusCode, (answered.get(statusCode) ?? 0) + 1)
    const said = `${JSON.stringify(request)} ${decoded(request.url)}`
    const fault =
      isStray && statusCode < 400
        ? 'passes over what it does not know'
        : (faultOf(statusCode, String(headers['content-type']), body, said) ??
          undescribed(name, statusCode, body))
    const cause = app.log.slice(logged).find((line) => line.includes('"err"'))
    if (fault !== null && !faults.has(`${name}: ${fault}`))
      faults.set(`${name}: ${fault}`, {
        ...request,
        headers: { ...request.headers, authorization: '' },
        cause,
      })
  }
  const property = fc.asyncProperty(fc.constantFrom(...operations).chain(requestOf), check)
  await fc.assert(property, { seed, numRuns: isLong ? LONG : 300 })
  if (!isLong)
    await fc.assert(property, { seed: seed + 1, numRuns: LONG, interruptAfterTimeLimit: SECONDS * 1000 })
  for (const each of unroutable) await check(each)
  const count = [...answered.values()].reduce((sum, each) => sum + each, 0)
  const run = `seed ${seed}, ${count} requests: ${JSON.stringify(Object.fromEntries(answered))}`
  console.log(`# ${run}`)
  t.ok((answered.get(200) ?? 0) > 20 && (answered.get(400) ?? 0) > 20, 'both kinds were asked')
  t.same([...faults], [], run)
})

/** A feed goes on for ever: of it the beginning is enough. */
const injected = async (request: Case['request']) => {
  const answer = await app.server.inject({ ...request, payloadAsStream: true })
  const { statusCode, headers } = answer
  const stream = answer.stream()
  if (headers['content-type'] === 'text/event-stream') {
    stream.destroy()
    return { statusCode, headers, body: '' }
  }
  return { statusCode, headers, body: await text(stream) }
}

/** The code of a problem that the description of the operation does not have; null for any other answer. */
const undescribed = (name: string, status: number, body: string): string | null => {
  const described = operations.find(({ method, path }) => `${method} ${path}` === name)
  if (status < 400 || !described) return null
  const { code } = JSON.parse(body) as { code: string }
  const codes = describedCodes(description, described.operation.responses[status])
  return codes.includes(code) ? null : `${status} ${code} is not described`
}

/** What is wrong with an answer; null where it is as documented. */
const faultOf = (status: number, type: string, body: string, request: string): string | null => {
  if (status >= 500) return `answers ${status}`
  if (status < 400) return null
  if (!type.startsWith('application/problem+json')) return `${status} is no problem but ${type}`
  const problem = JSON.parse(body) as Record<string, unknown>
  if (!['code', 'detail', 'remedy', 'traceId'].every((name) => typeof problem[name] === 'string'))
    return `${status} is half a problem`
  // What was sent may come back in words of ours.
  return inside.test(body) && !inside.test(request) ? 'tells of the inside' : null
}

t.test('no read model stands still before what came of it, or had to park any of it', async (t) => {
  const { data } = await app.client.get<{
    data: { name: string; error: string | null; parked: { events: number } }[]
  }>('/v1/projections')
  t.same(
    data.filter(({ error, parked }) => error !== null || parked.events > 0),
    [],
  )
})

t.test(
  'a position of another log is refused at once, one ahead of this log is waited for, not for ever',
  async (t) => {
    const asked = (min: string) =>
      app.ask('GET', `/v1/email-accounts?min_position=${encodeURIComponent(min)}`)
    for (const foreign of ['m:00000000000000000001', 'e:5', '', 'p:1', '~', 'zzz'])
      t.match(await asked(foreign), { status: 400, json: { code: 'invalid-position' } }, foreign)
    const ahead = await asked('p:00000000000999999999')
    t.match(ahead, { status: 503, json: { code: 'not-caught-up' } })
    t.equal(ahead.headers.get('retry-after'), '1')
    t.equal((await asked(position)).status, 200)
  },
)

t.test('a cursor of another list, or with what the database would not take, is no cursor', async (t) => {
  const wrong = [
    [7, 'x'],
    ['x', 'x'],
    ['0000-01-01T00:00:00Z', 'x'],
    ['2026-02-30T00:00:00Z', 'x'],
    [null, null],
  ]
  for (const key of [...wrong, ['2026-01-01T00:00:00Z', '\0'], ['2026-01-01T00:00:00Z'], {}, 'x'])
    t.match(
      await app.ask('GET', `/v1/outbox?cursor=${cursorOf(key)}`),
      { status: 400, json: { code: 'invalid-cursor' } },
      JSON.stringify(key),
    )
})
