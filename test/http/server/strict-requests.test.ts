import t from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { startApp } from '../../support/running-app.ts'
import { idOf } from '../../support/example-emails.ts'
import { problemIn } from '../../support/problem-answers.ts'

type Schema = {
  readonly $ref?: string
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: unknown
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
}
type Operation = {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
}
type Description = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

const app = await startApp(t)
const { paths, components } = (await app.ask('GET', '/docs/json')).json as Description
const operations = Object.entries(paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
)
const isOpen = (path: string) => /^\/(health|problems)/.test(path)

/** Every place in a schema that lets fields in that it does not name; a record has names of its own. */
const openPlaces = (written: Schema, at: string): string[] => {
  const schema = written.$ref ? components.schemas[written.$ref.split('/').at(-1)!]! : written
  const isOpenObject = schema.properties !== undefined && schema.additionalProperties !== false
  return [
    ...(isOpenObject ? [at] : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => openPlaces(inner, `${at}/${name}`)),
    ...(schema.items ? openPlaces(schema.items, `${at}[]`) : []),
    ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((inner) => openPlaces(inner, at)),
  ]
}

t.test('no body that is described has room for fields that nobody knows', async (t) => {
  const bodies = operations.flatMap(({ method, path, operation }) =>
    Object.values(operation.requestBody?.content ?? {}).map(({ schema }) => ({
      name: `${method} ${path}`,
      schema,
    })),
  )
  t.ok(bodies.length > 15, `${bodies.length} bodies`)
  t.same(
    bodies.flatMap(({ name, schema }) => openPlaces(schema, name)),
    [],
  )
})

t.test('no operation passes over a query parameter that it does not know', async (t) => {
  for (const { method, path } of operations.filter(({ path: each }) => !isOpen(each))) {
    const url = path.replaceAll('{id}', idOf('acc', 1)).replaceAll(/\{\w+\}/g, '1')
    const body = method === 'GET' || method === 'DELETE' ? undefined : {}
    const asJson = await app.ask(method, `${url}?perod=today`, { body })
    const { json } =
      asJson.status === 415
        ? await app.ask(method, `${url}?perod=today`, {
            body: Buffer.from('{}\n'),
            headers: { 'content-type': 'application/x-ndjson' },
          })
        : asJson
    const { errors = [] } = json as { errors?: { path: string }[] }
    // The form of the path and of the body is looked at first, and none of that is under test.
    if (!errors.some((error) => /^(params|body)/.test(error.path)))
      t.ok(
        errors.some((error) => error.path === 'querystring/perod'),
        `${method} ${path}`,
      )
  }
})

t.test('what is misspelt is named, with what was probably meant', async (t) => {
  const report = problemIn(
    t,
    await app.ask('GET', '/v1/analytics/engagement?perod=today&limt=3'),
    400,
    'invalid-request',
  )
  t.match(report.errors, [
    { path: 'querystring/perod', message: /did you mean period\?/ },
    { path: 'querystring/limt', message: 'is unknown here' },
  ])
  t.match(report.remedy, /^Did you mean period instead of perod\?/)
  const ask = async (path: string, body: object, method = 'POST') => {
    const headers = { 'if-match': '"0"' }
    const { errors } = problemIn(t, await app.ask(method, path, { body, headers }), 400, 'invalid-request')
    return errors?.map((error) => error.path)
  }
  const email = { to: [{ adress: 'a@b.test', address: 'a@b.test' }], subjct: 'x' }
  t.same(
    await ask('/v1/drafts', email),
    ['body/to/0/adress', 'body/subjct'],
    'nested, in an array, and at the top',
  )
  t.same(await ask('/v1/outbox', { email }), ['body/email/to/0/adress', 'body/email/subjct'], 'in a union')
  t.same(
    await ask('/v1/outbox', { draftId: idOf('out', 1), undoSecond: 5 }),
    ['body/undoSecond'],
    'the option of a union that is meant is the one that is spoken of',
  )
  const smtp = { host: 'a.test', port: 587, encryption: 'starttls', username: 'u', password: 'p', tls: true }
  t.same(
    await ask('/v1/connection-tests', { connection: { provider: 'imap-smtp', smtp, imap: null } }),
    ['body/connection/smtp/tls'],
    'in a union of forms',
  )
  t.same(
    await ask(`/v1/email-accounts/${idOf('acc', 1)}/settings`, { displayname: 'x' }, 'PATCH'),
    ['body/displayname'],
    'where every field may be left out',
  )
  t.same(
    await ask(`/v1/email-accounts/${idOf('acc', 1)}/resume`, { reason: 'x' }),
    ['body/reason'],
    'where there is no body at all',
  )
})

t.test('open operations take any query', async (t) => {
  t.equal((await app.ask('GET', '/health?utm_source=mail', { key: null })).status, 200)
})

t.test('an instant that no database takes is refused wherever one is asked for', async (t) => {
  await seedAccounts(t, app.pool, [
    { n: 1, owner: { kind: 'team' } },
    { n: 2, owner: { kind: 'team' } },
  ])
  for (const subject of ['One', 'Two'])
    await app.client.send('POST', '/v1/drafts', { accountId: idOf('acc', 1), subject })
  /** The cursor of the list's second page, with this instant in it. */
  const cursorOf = async (list: string) => {
    const { nextCursor } = await until(
      `The list of ${list}`,
      () => app.client.get<{ nextCursor: string | null }>(`/v1/${list}?limit=1`),
      (page) => page.nextCursor !== null,
    )
    const [mark, , id] = JSON.parse(Buffer.from(nextCursor!, 'base64url').toString()) as string[]
    return (at: string) => Buffer.from(JSON.stringify([mark, at, id])).toString('base64url')
  }
  const lists = [
    ['email-accounts', await cursorOf('email-accounts')],
    ['drafts', await cursorOf('drafts')],
  ] as const
  for (const [list, cursor] of lists)
    t.equal((await app.ask('GET', `/v1/${list}?cursor=${cursor('2026-01-01T00:00:00Z')}`)).status, 200)
  for (const at of [
    '9999-12-31T23:59:59-23:59',
    '0001-01-01T00:00:00+23:59',
    '2026-01-01T00:00:00+23:59',
    '2026-01-01T00:00:00-16:00',
    `2026-01-01T00:00:00.${'0'.repeat(200)}Z`,
  ]) {
    const asked = encodeURIComponent(at)
    problemIn(t, await app.ask('GET', `/v1/event-log?at=${asked}`), 400, 'invalid-request')
    for (const [list, cursor] of lists)
      problemIn(t, await app.ask('GET', `/v1/${list}?cursor=${cursor(at)}`), 400, 'invalid-cursor')
    const key = { name: 'x', scopes: ['system:read'], expiresAt: at }
    problemIn(t, await app.ask('POST', '/v1/api-keys', { body: key }), 400, 'invalid-request')
    const email = { email: { to: [{ address: 'a@b.test' }], subject: 'x', html: 'x' }, scheduledAt: at }
    const { errors } = problemIn(
      t,
      await app.ask('POST', '/v1/outbox', { body: email }),
      400,
      'invalid-request',
    )
    t.match(errors, [{ path: 'body/scheduledAt' }])
  }
  t.equal((await app.ask('GET', '/v1/event-log?at=2026-01-01T00:00:00%2B14:00')).status, 200)
  for (const [from, to] of [
    ['0000-01-01', '2026-01-01'],
    ['0001-01-01', '9999-12-31'],
  ])
    t.ok(
      (await app.ask('GET', `/v1/analytics/engagement?from=${from}&to=${to}`)).status < 500,
      `${from} to ${to}`,
    )
})
