import t from 'tap'
import { startApp } from '../../support/running-app.ts'

type Schema = { description?: string; $ref?: string }
type Operation = {
  tags?: string[]
  summary?: string
  parameters?: { name: string; in: string; description?: string; schema: Schema }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>
  security?: unknown[]
  'x-permission'?: string
}
type Description = {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}

const app = await startApp(t)
const { json } = await app.ask('GET', '/docs/json', { key: null })
const description = json as Description
const operations = Object.entries(description.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
)
/** The names of the operations of which this does not hold. */
const without = (holds: (operation: Operation, method: string) => boolean) =>
  operations
    .filter(({ operation, method }) => !holds(operation, method))
    .map(({ method, path }) => `${method} ${path}`)

t.test('every route is described, but those that mails lead to and the description itself', async (t) => {
  t.equal(description.openapi, '3.1.0')
  const described = new Set(operations.map(({ method, path }) => `${method} ${path}`))
  const missing = app.routes
    .map(({ method, url }) => `${method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)
    .filter((name) => !described.has(name))
  t.same(
    missing.filter((name) => !/ \/(docs|t)\b/.test(name)),
    [],
  )
})

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
    const isProblem = (content: Operation['responses'][string]['content']) =>
      content?.['application/problem+json']?.schema.$ref === '#/components/schemas/Problem'
    t.same(
      without(
        ({ responses }) => isProblem(responses['4XX']?.content) && isProblem(responses['5XX']?.content),
      ),
      [],
      'problems',
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
      [],
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
