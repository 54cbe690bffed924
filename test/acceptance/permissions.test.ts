import t from 'tap'
import { permissions } from '../../src/http/server/permissions.ts'
import { startApp, type Route } from '../support/running-app.ts'

const app = await startApp(t)
const closed = app.routes.filter(({ permission }) => permission !== 'public')
// What a caller says beyond the address comes after the question who it is.
const pathOf = ({ url }: Route) => url.replaceAll(/:\w+/g, 'x')
const codeOf = (json: unknown) => (json as { code?: string } | null)?.code

t.test(
  'nothing is open to the public but health, the description of the API and its problems, what mails lead to, and what providers and the browsers they send back come to',
  async (t) => {
    const open = app.routes.filter(({ permission }) => permission === 'public')
    t.same(open.map(({ method, url }) => `${method} ${url}`).toSorted(), [
      'GET /docs',
      'GET /docs/json',
      'GET /docs/static/index.html',
      'GET /docs/static/swagger-initializer.js',
      'GET /docs/yaml',
      'GET /health',
      'GET /health/ready',
      'GET /oauth/callback',
      'GET /oauth/start/:link',
      'GET /problems',
      'GET /problems/:code',
      'GET HEAD /t/c/:token',
      'GET HEAD /t/o/:token',
      'HEAD GET /docs/static/*',
      'OPTIONS /t/c/:token',
      'OPTIONS /t/o/:token',
      'POST /v1/hints/:provider',
    ])
    t.ok(closed.length > 60, `${closed.length} routes are not`)
  },
)

t.test('no other route answers without a key', async (t) => {
  const strangers: Record<string, string>[] = [
    {},
    { authorization: 'Basic YTpi' },
    { authorization: `Bearer mt_${'0'.repeat(72)}` },
  ]
  const asked = closed.flatMap((route) => strangers.map((headers) => ({ route, headers })))
  const answered = await Promise.all(
    asked.map(async ({ route, headers }) => {
      const { status, json } = await app.ask(route.method, pathOf(route), { key: null, headers })
      return `${route.method} ${route.url} ${status} ${codeOf(json)}`
    }),
  )
  t.same(
    answered.filter((answer) => !answer.endsWith(' 401 not-authenticated')),
    [],
  )
})

t.test('each route asks for its permission: all others do not do, it alone does', async (t) => {
  const asked = new Set(closed.map(({ permission }) => permission))
  t.same([...asked].toSorted(), permissions.toSorted(), 'every permission opens something')
  const check = async (route: Route, others: string, alone: string) => {
    const without = await app.ask(route.method, pathOf(route), { key: others })
    t.match(
      { status: without.status, json: without.json },
      { status: 403, json: { code: 'permission-missing', detail: new RegExp(route.permission) } },
      `${route.method} ${route.url} without ${route.permission}`,
    )
    const { status } = await app.ask(route.method, pathOf(route), { key: alone })
    t.notOk([401, 403, 500].includes(status), `${route.method} ${route.url} with it answers ${status}`)
  }
  for (const permission of permissions) {
    const others = await app.makeKey(...permissions.filter((each) => each !== permission))
    const alone = await app.makeKey(permission)
    const routes = closed.filter((route) => route.permission === permission)
    await Promise.all(routes.map((route) => check(route, others, alone)))
  }
})

t.test('a key that is revoked opens nothing any more', async (t) => {
  const { body } = await app.client.send<{ id: string; token: string }>('POST', '/v1/api-keys', {
    name: 'short-lived',
    scopes: ['*'],
  })
  const listed = () => app.ask('GET', '/v1/email-accounts', { key: body.token })
  t.equal((await listed()).status, 200)
  t.equal((await app.ask('DELETE', `/v1/api-keys/${body.id}`)).status, 204)
  t.equal((await listed()).status, 401)
})
