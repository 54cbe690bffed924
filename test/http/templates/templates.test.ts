import { Kysely, PostgresDialect } from 'kysely'
import t from 'tap'
import { memoryEventStore } from '../../support/memory-event-store.ts'
import { rightsOfOwner } from '../../../src/domain/accounts/access-rights.ts'
import { templateCompiler } from '../../../src/adapters/mjml/compile.ts'
import { postgresApiKeys } from '../../../src/adapters/postgres/api-keys.ts'
import { postgresIdempotency } from '../../../src/adapters/postgres/idempotency.ts'
import { postgresLeases } from '../../../src/adapters/postgres/leases.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import { projectionRunner } from '../../../src/adapters/postgres/projections/run/runner.ts'
import { handler } from '../../../src/commands/handle.ts'
import { templateCommands } from '../../../src/commands/templates/templates.ts'
import { storedKey } from '../../support/stored-key.ts'
import type { Permission } from '../../../src/http/server/permissions.ts'
import { buildServer } from '../../../src/http/server/server.ts'
import { templateRoutes } from '../../../src/http/templates/templates.ts'
import { templateProjections, templateQueries } from '../../../src/projections/templates/templates.ts'
import { nothingVisible } from '../../../src/domain/visibility.ts'
import { serverSettings } from '../../support/server-settings.ts'
import { testDatabase } from '../../support/test-database.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)
const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
const clock = () => new Date()
const store = memoryEventStore()
const handle = handler(store, clock)
const compiler = templateCompiler()
t.teardown(() => compiler.close())

const stopping = new AbortController()
const log = { info: () => undefined, error: () => undefined }
const leases = postgresLeases(pool, { owner: 'test' })
const runner = projectionRunner({ store, pool, leases, projections: templateProjections, log })
const running = runner.start(stopping.signal)
t.teardown(async () => {
  stopping.abort()
  await running
})

const apiKeys = postgresApiKeys(pool)
const app = await buildServer({
  clock,
  apiKeys,
  idempotency: postgresIdempotency(pool),
  fingerprintKey: Buffer.alloc(32, 7),
  waitFor: (name, position, ms) => runner.waitFor(name, position, ms),
  logLevel: 'silent',
  ...serverSettings,
  trustProxy: [],
})
const contacts: Record<string, object> = {
  ann: { firstName: 'Ann <3', emails: ['ann@x.test'], companyId: 'xenon' },
  nobody: { emails: [] },
}
const commands = templateCommands({
  handle,
  store,
  compiler,
  directory: {
    user: async (id) => ({ name: `User ${id}` }),
    contact: async (id) => (contacts[id] ?? null) as { emails: string[] } | null,
    company: async () => ({ name: 'Xenon', domains: [] }),
    deal: async (id) => (id === 'big' ? { name: 'Big & small' } : null),
    organization: async () => ({ name: 'Acme', timeZone: 'UTC', ...nothingVisible }),
  },
  findAccount: async (id) =>
    id === 'acc'
      ? {
          address: 'jo@acme.test',
          ...rightsOfOwner({ kind: 'team' }),
          signature: '<i>{user.name}, {user.title}</i>',
          settings: { displayName: '' },
        }
      : null,
})
templateRoutes(app, { commands, queries: templateQueries(db) })
t.teardown(() => app.close())

const keyFor = async (scopes: ('*' | Permission)[]) => {
  const { token } = await storedKey(apiKeys, { scopes })
  return `Bearer ${token.reveal()}`
}
const master = await keyFor(['*'])

/** What the tests read of an answer; the rest is matched as it comes. */
type Body = { id: string; data: { name: string }[]; nextCursor: string; missing: object[] }

let position = ''
/** Asks as a user (null: as a program for nobody); reads wait for what was written before. */
const ask = async (
  user: string | null,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  url: string,
  payload?: object,
  headers: Record<string, string> = {},
) => {
  const fresh =
    method === 'GET' && position !== '' ? `${url.includes('?') ? '&' : '?'}min_position=${position}` : ''
  const answer = await app.inject({
    method,
    url: `/v1/${url}${fresh}`,
    headers: { authorization: master, ...(user === null ? {} : { 'mailtrail-user': user }), ...headers },
    ...(payload ? { payload } : {}),
  })
  position = (answer.headers['event-position'] as string | undefined) ?? position
  const body = (answer.body === '' ? {} : answer.json()) as Body
  return { status: answer.statusCode, headers: answer.headers, body }
}

const content = {
  name: 'Follow-up Email',
  subject: 'Following up on {deal.name}',
  body: { format: 'html', source: '<p>Hi {contact.first_name},</p>{signature}' },
}
const make = async (user: string | null, scope: string, over: object = {}): Promise<string> => {
  const { status, body } = await ask(user, 'POST', 'templates', { scope, ...content, ...over })
  t.equal(status, 201, JSON.stringify(body))
  return body.id
}

t.test('a template is made, read, changed and deleted, and every version stays', async (t) => {
  const { status, headers, body } = await ask('u_1', 'POST', 'templates', { scope: 'personal', ...content })
  t.match(
    { status, headers, body },
    {
      status: 201,
      headers: { etag: '"0"', 'event-position': String, location: `/v1/templates/${body.id}` },
      body: { version: 1 },
    },
  )
  const url = `templates/${body.id}`
  t.match(await ask('u_1', 'GET', url), {
    status: 200,
    headers: { etag: /^"0-/ },
    body: {
      ...content,
      scope: 'personal',
      userId: 'u_1',
      version: 1,
      variables: ['deal.name', 'contact.first_name', 'signature'],
    },
  })
  t.match(await ask('u_1', 'PATCH', url, { name: 'x' }), { status: 428 })
  t.match(await ask('u_1', 'PATCH', url, { name: 'x' }, { 'if-match': '"7"' }), { status: 412 })
  const changed = await ask('u_1', 'PATCH', url, { subject: 'New' }, { 'if-match': '"0"' })
  t.match(changed, { status: 200, headers: { etag: '"1"' }, body: { version: 2 } })
  const again = await ask('u_1', 'PATCH', url, { subject: 'New' }, { 'if-match': '"1"' })
  t.match(again, { status: 200, headers: { etag: '"1"' }, body: { version: 2 } }, 'no change is no version')
  t.match((await ask('u_1', 'GET', url)).body, { subject: 'New', name: content.name, version: 2 })
  t.match((await ask('u_1', 'GET', `${url}/versions/1`)).body, { ...content, version: 1, createdBy: 'u_1' })
  t.match(await ask('u_1', 'GET', `${url}/versions/3`), { status: 404 })

  t.match(await commands.find({ templateId: body.id, version: 1 }, 'u_1'), { subject: content.subject })
  t.match(await commands.find({ templateId: body.id, version: null }, 'u_1'), { subject: 'New', version: 2 })
  t.equal(await commands.find({ templateId: body.id, version: 3 }, 'u_1'), null)
  t.equal(await commands.find({ templateId: body.id, version: 1 }, 'u_2'), null)
  t.equal(await commands.find({ templateId: 'tpl_none', version: null }, 'u_1'), null)

  t.match(await ask('u_1', 'DELETE', url), { status: 204 })
  t.match(await ask('u_1', 'DELETE', url), { status: 204 }, 'a second time does nothing')
  t.match(await ask('u_1', 'GET', url), { status: 404 })
  t.match(await ask('u_1', 'PATCH', url, { name: 'x' }, { 'if-match': '"2"' }), { status: 404 })
  t.match(await ask('u_1', 'GET', `${url}/versions/2`), { status: 200, body: { subject: 'New' } })
  t.equal(await commands.find({ templateId: body.id, version: null }, 'u_1'), null)
  t.match(await commands.find({ templateId: body.id, version: 2 }, 'u_1'), { subject: 'New' })
})

t.test('a repeat under the same key makes no second template', async (t) => {
  const key = { 'idempotency-key': 'once' }
  const [one, two] = [
    await ask('u_1', 'POST', 'templates', { scope: 'shared', ...content, name: 'Once' }, key),
    await ask('u_1', 'POST', 'templates', { scope: 'shared', ...content, name: 'Once' }, key),
  ]
  t.equal(two.body.id, one.body.id)
  await ask('u_1', 'DELETE', `templates/${one.body.id}`)
})

t.test('one sees one’s own templates and the shared ones, and no others', async (t) => {
  const own = await make('u_1', 'personal', { name: 'b own' })
  const shared = await make(null, 'shared', { name: 'A shared' })
  const others = await make('u_2', 'personal', { name: 'c other' })
  const names = async (user: string | null, query = '') =>
    (await ask(user, 'GET', `templates${query}`)).body.data.map(({ name }: { name: string }) => name)
  t.same(await names('u_1'), ['A shared', 'b own'])
  t.same(await names('u_1', '?scope=personal'), ['b own'])
  t.same(await names('u_1', '?scope=shared'), ['A shared'])
  t.same(await names(null), ['A shared'])
  const first = await ask('u_1', 'GET', 'templates?limit=1')
  t.match(first.body, { hasMore: true, data: [{ id: shared }] })
  t.match((await ask('u_1', 'GET', `templates?limit=1&cursor=${first.body.nextCursor}`)).body, {
    hasMore: false,
    data: [{ id: own }],
  })
  for (const url of [`templates/${others}`, `templates/${others}/versions/1`])
    t.match(await ask('u_1', 'GET', url), { status: 404 }, url)
  t.match(await ask('u_1', 'PATCH', `templates/${others}`, { name: 'x' }, { 'if-match': '"0"' }), {
    status: 404,
  })
  t.match(await ask('u_1', 'DELETE', `templates/${others}`), { status: 404 })
  t.match(await ask('u_1', 'POST', `templates/${others}/preview`, {}), { status: 404 })
  t.match(await ask('u_2', 'PATCH', `templates/${shared}`, { name: 'x' }, { 'if-match': '"0"' }), {
    status: 200,
  })
  t.match(await ask(null, 'POST', 'templates', { scope: 'personal', ...content }), {
    status: 422,
    body: { code: 'user-required' },
  })
})

t.test('what cannot be sent cannot be saved, and the answer says what to do', async (t) => {
  const id = await make('u_1', 'shared')
  const mjml = (source: string) => ({ format: 'mjml', source })
  const column = (inside: string) =>
    `<mjml><mj-body><mj-section><mj-column>\n${inside}</mj-column></mj-section></mj-body></mjml>`
  const cases: [object, number, object][] = [
    [
      { subject: '{contact.frist_name}' },
      422,
      {
        code: 'unknown-variable',
        details: { problems: [{ nearest: 'contact.first_name', where: 'subject' }] },
      },
    ],
    [{ body: { format: 'html', source: '<a href="{deal.name}">' } }, 422, { code: 'misplaced-variable' }],
    [
      { body: mjml(column('<mj-button href="{deal.name}">x</mj-button>')) },
      422,
      { code: 'misplaced-variable' },
    ],
    [
      { body: mjml(column('<mj-txt>x</mj-txt>')) },
      422,
      { code: 'template-invalid', details: { errors: [{ line: 2 }] } },
    ],
    [{ body: { format: 'html', source: '<script>x</script>' } }, 422, { code: 'unsafe-markup' }],
    [{ subject: 'a\r\nBcc: b@x.test' }, 400, { errors: [{ path: String }] }],
    [{ name: ' ' }, 400, {}],
  ]
  for (const [change, status, body] of cases) {
    const changed = await ask('u_1', 'PATCH', `templates/${id}`, change, { 'if-match': '"0"' })
    t.match(changed, { status, body: { ...body, remedy: /.{10}/ } }, JSON.stringify(change))
    t.match(await ask('u_1', 'POST', 'templates', { scope: 'shared', ...content, ...change }), {
      status,
      body,
    })
  }
  t.match(
    (await ask('u_1', 'GET', `templates/${id}`)).body,
    { version: 1, ...content },
    'nothing of it was kept',
  )
})

t.test('a preview shows what the recipient would read, and lists what is missing', async (t) => {
  const id = await make('u_1', 'personal', {
    body: {
      format: 'html',
      source: '<p>Hi {contact.first_name} of {contact.company}, {company.name}</p>{signature}',
    },
  })
  const preview = (payload: object) => ask('u_1', 'POST', `templates/${id}/preview`, payload)
  t.match(await preview({ contactId: 'ann', dealId: 'big', accountId: 'acc' }), {
    status: 200,
    body: {
      version: 1,
      subject: 'Following up on Big & small',
      html: '<p>Hi Ann &lt;3 of Xenon, Acme</p><i>User u_1, {user.title}</i>',
      missing: [{ variable: 'user.title', where: 'signature' }],
      problems: [],
    },
  })
  t.same((await preview({ contactId: 'nobody' })).body.missing, [
    { variable: 'deal.name', where: 'subject' },
    { variable: 'contact.first_name', where: 'body' },
    { variable: 'contact.company', where: 'body' },
    { variable: 'signature', where: 'body' },
  ])
  for (const whom of [{ contactId: 'x' }, { dealId: 'x' }, { accountId: 'x' }])
    t.match(await preview(whom), { status: 404 })
})

t.test('the variables are listed, with where they may stand', async (t) => {
  const { body } = await ask(null, 'GET', 'template-variables')
  t.match(body.data, [
    { name: 'user.name', written: '{user.name}', places: ['subject', 'body', 'signature'] },
  ])
  t.match(body.data.at(-1), { name: 'signature', places: ['body'] })
})

t.test('a key without the permission gets nowhere', async (t) => {
  const reader = { authorization: await keyFor(['templates:read']) }
  t.match(await ask('u_1', 'POST', 'templates', { scope: 'shared', ...content }, reader), { status: 403 })
  t.match(await ask('u_1', 'GET', 'templates', undefined, reader), { status: 200 })
})
