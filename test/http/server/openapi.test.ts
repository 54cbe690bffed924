import { createConfig, lintFromString } from '@redocly/openapi-core'
import t from 'tap'
import { describedCodes } from '../../support/described-codes.ts'
import { idOf } from '../../support/example-emails.ts'
import { startApp } from '../../support/running-app.ts'

type Schema = {
  description?: string
  pattern?: string
  type?: string | string[]
  format?: string
  $ref?: string
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: Schema | boolean
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
}
type Content = Record<string, { schema: Schema; example?: unknown }>
type Answer = { description: string; headers?: Record<string, unknown>; content?: Content; $ref?: string }
type Operation = {
  operationId: string
  tags?: string[]
  summary?: string
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema: Schema }[]
  requestBody?: { content: Content }
  responses: Record<string, Answer>
  security?: unknown[]
  'x-permission'?: string
}
type Description = {
  openapi: string
  servers: { url: string }[]
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; responses: Record<string, Answer> }
}

const app = await startApp(t)
const { json } = await app.ask('GET', '/docs/json', { key: null })
const description = json as Description
const operations = Object.entries(description.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
)
const codesOf = (answer: Answer | undefined) => describedCodes(description, answer)
/** The names of the operations of which this does not hold. */
const without = (holds: (operation: Operation, method: string) => boolean) =>
  operations
    .filter(({ operation, method }) => !holds(operation, method))
    .map(({ method, path }) => `${method} ${path}`)

t.test(
  'every route is described, but those that mails, sign-ins and pushes of providers lead to and the description itself',
  async (t) => {
    t.equal(description.openapi, '3.1.0')
    const described = new Set(operations.map(({ method, path }) => `${method} ${path}`))
    const missing = app.routes
      .map(({ method, url }) => `${method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)
      .filter((name) => !described.has(name))
    t.same(
      missing.filter((name) => !/ \/(docs|oauth|t|v1\/hints)\b/.test(name)),
      [],
    )
  },
)

t.test(
  'each operation says what it is for, what it takes, what it answers, and what it asks of a key',
  async (t) => {
    t.same(
      without(({ tags, summary }) => tags?.length === 1 && Boolean(summary)),
      [],
      'a tag and a summary',
    )
    t.same(
      without(({ parameters = [] }) =>
        parameters.every((each) => each.description ?? each.schema.description),
      ),
      [],
      'a description of each parameter',
    )
    t.same(
      without(({ responses }) => Object.keys(responses).some((status) => /^20\d$/.test(status))),
      [],
      'an answer',
    )
    t.same(
      without(({ responses }) =>
        Object.entries(responses).every(
          ([status, answer]) => /^[23]/.test(status) || codesOf(answer).length > 0,
        ),
      ),
      [],
      'problems with their codes',
    )
    t.same(
      without(({ responses }) => '400' in responses && '500' in responses && '503' in responses),
      [],
      'problems of any operation',
    )
    const permissions = new Map(
      app.routes.map(({ method, url, permission }) => [
        `${method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`,
        permission,
      ]),
    )
    for (const { method, path, operation } of operations)
      t.equal(operation['x-permission'], permissions.get(`${method} ${path}`), `${method} ${path}`)
  },
)

t.test(
  'open operations ask for no key, and whatever changes something takes an Idempotency-Key',
  async (t) => {
    t.same(
      without((operation) => (operation['x-permission'] === 'public') === (operation.security?.length === 0)),
      [],
    )
    const takesKey = ({ parameters = [] }: Operation) =>
      parameters.some(({ name }) => name === 'idempotency-key')
    t.same(
      without((operation, method) => (method !== 'GET') === takesKey(operation)),
      ['POST /v1/directory/imports'],
      'or is harmless to repeat',
    )
  },
)

t.test('every reference leads somewhere', async (t) => {
  const references = JSON.stringify(description).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)
  const names = new Set(Array.from(references, ([, name = '']) => name))
  t.ok(names.size > 10)
  t.same(
    [...names].filter((name) => !Object.hasOwn(description.components.schemas, name)),
    [],
  )
})

t.test('a published linter finds nothing in it, by all that it recommends', async (t) => {
  const problems = await lintFromString({
    source: JSON.stringify(description),
    absoluteRef: '/openapi.json',
    config: await createConfig({ extends: ['recommended-strict'] }),
  })
  t.same(
    problems.map(({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer}: ${message}`),
    [],
  )
})

t.test('every operation has a name of its own, made of its path, for the functions of clients', async (t) => {
  const names = operations.map(({ operation }) => operation.operationId)
  t.equal(new Set(names).size, names.length)
  t.same(
    names.filter((name) => !/^[a-z][A-Za-z]+$/.test(name)),
    [],
  )
  const nameOf = (path: string, method: string) => description.paths[path]?.[method]?.operationId
  t.equal(nameOf('/v1/drafts/{id}', 'patch'), 'changeDraft')
  t.equal(nameOf('/v1/directory/companies/{id}', 'get'), 'getCompany')
  t.equal(nameOf('/v1/email-accounts/{id}/sync-runs', 'get'), 'listEmailAccountSyncRuns')
  t.equal(nameOf('/v1/email-accounts/{id}/sync-runs', 'post'), 'createEmailAccountSyncRun')
  t.equal(nameOf('/v1/messages/{id}/retry', 'post'), 'retryMessage')
  t.equal(nameOf('/v1/outbox/{id}/cancellation', 'post'), 'cancelEmail')
  t.equal(nameOf('/v1/outbox', 'post'), 'sendEmail')
})

t.test('it says where the service is, and what each tag stands for', async (t) => {
  t.same(
    description.servers.map(({ url }) => url),
    ['/'],
  )
  const used = new Set(operations.flatMap(({ operation }) => operation.tags ?? []))
  t.same(description.tags.map(({ name }) => name).toSorted(), [...used].toSorted())
  t.ok(description.tags.every(({ description: words }) => words.endsWith('.')))
})

/** Every schema within, with the name of the property that it is of. */
const within = (schema: Schema, name = ''): { schema: Schema; name: string }[] => {
  const { properties = {}, items, additionalProperties, anyOf = [], oneOf = [], allOf = [] } = schema
  const unnamed = [items, additionalProperties, ...anyOf, ...oneOf, ...allOf].filter(
    (each) => typeof each === 'object',
  )
  return [
    { schema, name },
    ...Object.entries(properties).flatMap(([key, of]) => within(of, key)),
    ...unnamed.flatMap((of) => within(of)),
  ]
}
const contentsOf = ({ requestBody, responses }: Operation): Content[] => [
  requestBody?.content ?? {},
  ...Object.values(responses).map(({ content = {} }) => content),
]
const schemas = [
  ...Object.values(description.components.schemas),
  ...operations.flatMap(({ operation }) => [
    ...(operation.parameters ?? []).map(({ schema }) => schema),
    ...contentsOf(operation).flatMap((content) => Object.values(content).map(({ schema }) => schema)),
  ]),
].flatMap((schema) => within(schema))

t.test('what a name does not say is said: words, instants, bytes', async (t) => {
  const plain = new Set(['description', 'email', 'firstName', 'lastName', 'name'])
  const silent = schemas.filter(
    ({ schema, name }) => name !== '' && !plain.has(name) && !schema.$ref && !schema.description,
  )
  // A problem's code is enumerated for each operation, on top of its own schema.
  t.same(
    [...new Set(silent.map(({ name }) => name))].filter((name) => name !== 'code'),
    [],
  )
  const isText = ({ type }: Schema) => [type].flat().includes('string')
  t.same(
    schemas
      .filter(
        ({ schema, name }) => /(At|^at|^time)$/.test(name) && isText(schema) && schema.format !== 'date-time',
      )
      .map(({ name }) => name),
    [],
  )
  const { requestBody } = description.paths['/v1/attachments']!['post']!
  t.match(requestBody?.content, {
    'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
  })
})

t.test('every pattern is read by any engine', async (t) => {
  const patterns = schemas.flatMap(({ schema }) => schema.pattern ?? [])
  t.ok(patterns.length > 10)
  t.same(
    patterns.filter((pattern) => /\\[pPuk]|\(\?/.test(pattern)),
    [],
  )
})

t.test('no schema is there twice', async (t) => {
  const texts = Object.values(description.components.schemas).map((schema) => JSON.stringify(schema))
  t.equal(new Set(texts).size, texts.length)
  t.same(
    Object.keys(description.components.schemas).filter((name) => name.endsWith('Input')),
    [],
  )
})

const asked = (path: string, method: string, body: unknown, headers: Record<string, string>) => {
  const kinds = {
    drafts: 'out',
    outbox: 'out',
    templates: 'tpl',
    messages: 'msg',
    threads: 'thr',
    conversations: 'thr',
    'sign-ins': 'sin',
    'timeline-entries': 'tle',
    'webhook-endpoints': 'whk',
  } as const
  const kind = kinds[path.split('/')[2] as keyof typeof kinds] ?? 'acc'
  const ids: Record<string, string> = {
    directory: 'x-1',
    'link-suggestions': `${idOf('msg', 1)}.contact.x-1`,
  }
  const id = ids[path.split('/')[2] ?? ''] ?? idOf(kind, 1)
  const url = path
    .replace('{id}', id)
    .replace('{kind}', 'contact')
    .replace('{noteId}', idOf('not', 1))
    .replaceAll(/\{\w+\}/g, '1')
  return app.ask(method, url, { headers, ...(body === undefined ? {} : { body }) })
}

t.test('the service takes the example of every body', async (t) => {
  const takingJson = operations.filter(({ operation }) => operation.requestBody?.content['application/json'])
  t.ok(takingJson.length > 20)
  for (const { path, method, operation } of takingJson) {
    const { example } = operation.requestBody!.content['application/json']!
    t.not(example, undefined, `${operation.operationId} has an example`)
    const { status, json } = await asked(path, method, example, { 'if-match': '"0"' })
    t.ok(status !== 400 && status < 500, `${operation.operationId}: ${status} ${JSON.stringify(json)}`)
    if (status < 400) continue
    const { code } = json as { code: string }
    t.ok(codesOf(operation.responses[status]).includes(code), `${operation.operationId}: ${status} ${code}`)
  }
})

t.test('If-Match is obeyed, or required, where it is said to be', async (t) => {
  const changing = operations.filter(({ method, path }) => method !== 'GET' && path !== '/v1/attachments')
  for (const { path, method, operation } of changing) {
    const ifMatch = operation.parameters?.find(({ name }) => name === 'if-match')
    const body = operation.requestBody?.content['application/json']?.example
    const without = await asked(path, method, body, {})
    t.equal(without.status === 428, ifMatch?.required === true, `${operation.operationId}: ${without.status}`)
    const wrong = await asked(path, method, body, { 'if-match': 'x' })
    const isRead = (wrong.json as { code?: string } | null)?.code === 'invalid-if-match'
    t.equal(isRead, ifMatch !== undefined, `${operation.operationId}: ${wrong.status}`)
  }
})
