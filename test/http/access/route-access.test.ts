import t from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { permissions, type Permission } from '../../../src/http/server/permissions.ts'
import { marker, startWithPrivateMailbox } from '../../support/private-mailbox.ts'

// Every GET route, asked by every kind of caller. A route that is not in the table fails: say who sees what before it
// goes out.

const { app, account, template, draft, email, message, thread } = await startWithPrivateMailbox(t)

/**
 * Who may read. `public`: anybody; `permission`: whoever has the permission, and all the same; `program`: programs that
 * act for nobody. Of what belongs to u1's
 * own account, `own` is one thing, which is not there for others, and `mixed` a list, which others see without it.
 * `names` says whether the answer has the marker that stands in all content of u1's.
 */
type Access = {
  readonly to: 'public' | 'permission' | 'program' | 'own' | 'mixed'
  readonly paths: readonly string[]
  readonly names: boolean
  readonly status: number
  /** Whether a program that acts for nobody is told what is u1's. */
  readonly programs: boolean
}
const open = (...paths: string[]): Access => {
  return { to: 'public', paths, names: false, status: 200, programs: true }
}
const byPermission = (...paths: string[]): Access => ({ ...open(...paths), to: 'permission' })
const byProgram = (...paths: string[]): Access => ({ ...open(...paths), to: 'program', status: 404 })
const own = (...paths: string[]): Access => ({ ...open(...paths), to: 'own', names: true })
const mixed = (...paths: string[]): Access => ({ ...open(...paths), to: 'mixed', names: true })

const accountPath = `/v1/email-accounts/${account}`
const messagePath = `/v1/messages/${message}`
const emailPath = `/v1/outbox/${email}`
const endpointPath = '/v1/webhook-endpoints/whk_00000000000000000000000000'
const table: Readonly<Record<string, Access>> = {
  '/health': open('/health'),
  '/health/ready': open('/health/ready'),
  '/docs': open('/docs'),
  '/docs/json': open('/docs/json'),
  '/docs/yaml': open('/docs/yaml'),
  '/docs/static/*': open('/docs/static/swagger-ui.css'),
  '/docs/static/index.html': { ...open('/docs/static/index.html'), status: 302 },
  '/docs/static/swagger-initializer.js': open('/docs/static/swagger-initializer.js'),
  '/problems': open('/problems'),
  '/problems/:code': open('/problems/not-found'),
  '/oauth/start/:link': { ...open('/oauth/start/x'), status: 400 },
  '/oauth/callback': { ...open('/oauth/callback'), status: 400 },
  '/t/o/:token': open('/t/o/x'),
  '/t/c/:token': { ...open('/t/c/x'), status: 404 },
  '/metrics': byPermission('/metrics'),
  '/v1/event-log': byPermission('/v1/event-log?at=2026-01-05T12:00:00Z'),
  '/v1/projections': byPermission('/v1/projections'),
  '/v1/projections/:name/parked': byPermission('/v1/projections/messages/parked'),
  '/v1/feed': byPermission('/v1/feed'),
  '/v1/template-variables': byPermission('/v1/template-variables'),
  '/v1/providers': byPermission('/v1/providers'),
  '/v1/directory/users': byPermission('/v1/directory/users'),
  '/v1/directory/users/:id': byPermission('/v1/directory/users/u1'),
  '/v1/directory/contacts': byPermission('/v1/directory/contacts'),
  '/v1/directory/contacts/:id': { ...byPermission('/v1/directory/contacts/c1'), status: 404 },
  '/v1/directory/companies': byPermission('/v1/directory/companies'),
  '/v1/directory/companies/:id': { ...byPermission('/v1/directory/companies/c1'), status: 404 },
  '/v1/directory/deals': byPermission('/v1/directory/deals'),
  '/v1/directory/deals/:id': { ...byPermission('/v1/directory/deals/d1'), status: 404 },
  '/v1/directory/organization': { ...byPermission('/v1/directory/organization'), status: 404 },
  '/v1/api-keys': mixed('/v1/api-keys'),
  '/v1/webhook-endpoints': { ...byProgram('/v1/webhook-endpoints'), status: 200 },
  '/v1/webhook-endpoints/:id': byProgram(endpointPath),
  '/v1/webhook-endpoints/:id/deliveries': byProgram(`${endpointPath}/deliveries`),
  '/v1/webhook-endpoints/:id/deliveries/:eventId': byProgram(
    `${endpointPath}/deliveries/00000000-0000-4000-8000-000000000000`,
  ),
  '/v1/email-accounts': mixed('/v1/email-accounts', '/v1/email-accounts?include_disconnected=true'),
  '/v1/email-accounts/:id': own(accountPath),
  '/v1/email-accounts/:id/access': { ...own(`${accountPath}/access`), names: false },
  '/v1/email-accounts/:id/folders': own(`${accountPath}/folders`),
  '/v1/email-accounts/:id/sync-status': own(`${accountPath}/sync-status`),
  '/v1/email-accounts/:id/sync-runs': { ...own(`${accountPath}/sync-runs`), names: false },
  '/v1/email-accounts/:id/sync-runs/:number': { ...own(`${accountPath}/sync-runs/1`), names: false },
  '/v1/email-accounts/:id/sync-errors': { ...own(`${accountPath}/sync-errors`), names: false },
  '/v1/sign-ins/:id': { ...byPermission('/v1/sign-ins/sin_00000000000000000000000000'), status: 404 },
  '/v1/email-accounts/:id/deleted-messages': { ...own(`${accountPath}/deleted-messages`), names: false },
  '/v1/email-accounts/:id/hidden-messages': { ...own(`${accountPath}/hidden-messages`), names: false },
  '/v1/email-accounts/:id/exclude-patterns': { ...own(`${accountPath}/exclude-patterns`), names: false },
  '/v1/messages': mixed(`/v1/messages?account=${account}`),
  '/v1/search': mixed(`/v1/search?q=${marker}`),
  '/v1/messages/:id': own(messagePath),
  '/v1/messages/:id/body': { ...own(`${messagePath}/body`), names: false },
  '/v1/messages/:id/body/html': own(`${messagePath}/body/html`),
  '/v1/messages/:id/links': { ...own(`${messagePath}/links`), names: false },
  '/v1/messages/:id/raw': own(`${messagePath}/raw`),
  '/v1/messages/:id/attachments/:index': own(`${messagePath}/attachments/0`),
  '/v1/timeline': mixed(`/v1/timeline?account=${account}`),
  '/v1/timeline/changes': mixed(`/v1/timeline/changes?account=${account}&since=p:${'0'.repeat(20)}`),
  '/v1/timeline-entries/:id': {
    ...byPermission('/v1/timeline-entries/tle_00000000000000000000000000'),
    status: 404,
  },
  '/v1/notifications': { ...mixed('/v1/notifications'), names: false },
  '/v1/users/:userId/notification-settings': {
    ...own('/v1/users/u1/notification-settings'),
    names: false,
  },
  '/v1/conversations': { ...mixed('/v1/conversations'), names: false },
  '/v1/conversations/:id': { ...byPermission(`/v1/conversations/${thread}`), status: 404 },
  '/v1/conversations/:id/history': { ...byPermission(`/v1/conversations/${thread}/history`), status: 404 },
  '/v1/conversations/:id/presence': { ...byPermission(`/v1/conversations/${thread}/presence`), status: 404 },
  '/v1/conversations/:id/notes': { ...byPermission(`/v1/conversations/${thread}/notes`), status: 404 },
  '/v1/email-accounts/:id/conversation-counts': {
    ...own(`${accountPath}/conversation-counts`),
    names: false,
  },
  '/v1/link-suggestions': { ...mixed('/v1/link-suggestions'), names: false },
  '/v1/link-runs': byPermission('/v1/link-runs'),
  '/v1/email-accounts/:id/assignment-rules': { ...own(`${accountPath}/assignment-rules`), names: false },
  '/v1/users/:userId/availability': { ...own('/v1/users/u1/availability'), names: false },
  '/v1/conversations/:id/assignments': {
    ...byPermission('/v1/conversations/thr_00000000000000000000000000/assignments'),
    status: 404,
  },
  '/v1/email-accounts/:id/linked': { ...own(`${accountPath}/linked`), names: false },
  '/v1/threads': mixed(`/v1/threads?account=${account}`),
  '/v1/threads/:id': own(`/v1/threads/${thread}`),
  '/v1/threads/:id/suggestions': { ...own(`/v1/threads/${thread}/suggestions`), names: false },
  '/v1/email-accounts/:id/thread-changes': { ...own(`${accountPath}/thread-changes`), names: false },
  '/v1/drafts': mixed('/v1/drafts'),
  '/v1/drafts/:id': own(`/v1/drafts/${draft}`),
  '/v1/outbox': mixed('/v1/outbox', `/v1/outbox?account=${account}`),
  '/v1/outbox/:id': own(emailPath),
  '/v1/outbox/:id/raw': own(`${emailPath}/raw`),
  '/v1/outbox/:id/tracking': own(`${emailPath}/tracking`),
  '/v1/templates': { ...mixed('/v1/templates'), programs: false },
  '/v1/templates/:id': { ...own(`/v1/templates/${template}`), programs: false },
  '/v1/templates/:id/versions/:version': {
    ...own(`/v1/templates/${template}/versions/1`),
    programs: false,
  },
  '/v1/analytics/engagement': mixed(
    '/v1/analytics/engagement',
    `/v1/analytics/engagement?account=${account}`,
    `/v1/analytics/engagement?template=${template}`,
  ),
  '/v1/audit/events': mixed(
    '/v1/audit/events?limit=200',
    `/v1/audit/events?account=${account}`,
    `/v1/audit/events?email=${email}`,
    `/v1/audit/events?message=${message}`,
    `/v1/audit/events?thread=${thread}`,
    `/v1/audit/events?template=${template}`,
    `/v1/audit/events?stream=account-${account}`,
    '/v1/audit/events?actorId=u1',
  ),
  '/v1/audit/replay': mixed('/v1/audit/replay?limit=200', `/v1/audit/replay?account=${account}`),
}

type Made = { id: string; token: string }
const makeKey = async (body: object) =>
  (await app.client.send<Made>('POST', '/v1/api-keys', { name: 'test', scopes: ['*'], ...body })).body
const ofOwner = await makeKey({ name: `Key ${marker}`, userId: 'u1' })
const ofOther = await makeKey({ name: 'Key', userId: 'u2' })
const lacking = new Map<string, string>()
const keyWithout = async (permission: string): Promise<string> => {
  const known = lacking.get(permission)
  if (known !== undefined) return known
  const { token } = await makeKey({ scopes: permissions.filter((each: Permission) => each !== permission) })
  lacking.set(permission, token)
  return token
}

const program = { 'a program': {} }
const forOwner = { headers: { 'mailtrail-user': 'u1' } }
const owners = { 'the key of its owner': { key: ofOwner.token }, 'a program for its owner': forOwner }
const others = {
  'the key of another user': { key: ofOther.token },
  'a program for another user': { headers: { 'mailtrail-user': 'u2' } },
}
const routes = app.routes.filter(({ method }) => method.split(' ').includes('GET'))

t.test('every route that can be read is in the table, and no other', async (t) => {
  t.strictSame([...new Set(routes.map(({ url }) => url))].toSorted(), Object.keys(table).toSorted())
})

const ask = async (path: string, options: Parameters<typeof app.ask>[2] = {}) => {
  const { status, bytes } = await app.ask('GET', path, options)
  return { status, text: bytes.toString('latin1') }
}

for (const { url, permission } of routes) {
  const access = table[url]
  if (!access) continue
  t.test(`GET ${url}: ${access.to}`, async (t) => {
    t.equal(permission === 'public', access.to === 'public')
    for (const path of access.paths) {
      const isNamed = (text: string) => text.includes(marker)
      const insiders = access.programs ? { ...program, ...owners } : owners
      const outsiders = access.programs ? others : { ...program, ...others }
      // What read models have not taken in yet would hide nothing.
      await until(
        path,
        () => ask(path, access.to === 'program' ? {} : forOwner),
        ({ status, text }) => status === access.status && isNamed(text) === access.names,
      )
      const everybody = { 'no key': { key: null }, ...insiders, ...outsiders }
      if (access.to === 'public') {
        for (const [who, options] of Object.entries(everybody)) {
          const { status, text } = await ask(path, options)
          t.strictSame([status, isNamed(text)], [access.status, false], `${path} to ${who}`)
        }
        continue
      }
      t.equal((await ask(path, { key: null })).status, 401, `${path} to nobody`)
      t.equal((await ask(path, { key: await keyWithout(permission) })).status, 403, `${path} without it`)
      if (access.to === 'program') {
        t.equal((await ask(path)).status, access.status, `${path} to a program`)
        for (const [who, options] of Object.entries({ ...owners, ...others }))
          t.equal((await ask(path, options)).status, 403, `${path} to ${who}`)
        continue
      }
      for (const [who, options] of Object.entries(insiders)) {
        const { status, text } = await ask(path, options)
        t.strictSame([status, isNamed(text)], [access.status, access.names], `${path} to ${who}`)
      }
      for (const [who, options] of Object.entries(outsiders)) {
        const { status, text } = await ask(path, options)
        t.equal(status, access.to === 'own' ? 404 : access.status, `${path} to ${who}`)
        t.notOk(isNamed(text), `${path} tells ${who} nothing of what is u1's`)
        // A problem repeats the id that it was asked for.
        if (status !== 200) continue
        const ids = [account, template, draft, email, message, thread, ofOwner.id]
        t.strictSame(
          ids.filter((id) => text.includes(id)),
          [],
          `${path} names ${who} nothing of it either`,
        )
      }
    }
  })
}

t.test('figures beside a list count what the list shows', async (t) => {
  type Listed = { data: object[]; figures: { connectedAccounts: number; emailsSentToday: number } }
  type Report = { totals: { sent: number } }
  const figuresFor = async (options: Parameters<typeof ask>[1]) => {
    const { data, figures } = JSON.parse((await ask('/v1/email-accounts', options)).text) as Listed
    const { totals } = JSON.parse((await ask('/v1/analytics/engagement', options)).text) as Report
    return [data.length, figures.connectedAccounts, figures.emailsSentToday, totals.sent]
  }
  for (const [who, options] of Object.entries({ ...program, ...owners }))
    t.strictSame(await figuresFor(options), [2, 2, 1, 1], who)
  for (const [who, options] of Object.entries(others))
    t.strictSame(await figuresFor(options), [1, 1, 0, 0], who)
})
