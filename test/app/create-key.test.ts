import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { apiClient, until } from '../../scripts/lib/client.ts'
import { freePort } from '../../scripts/lib/free-port.ts'
import { startService } from '../../scripts/lib/service.ts'
import type { ListedApiKey } from '../../src/commands/ports/api-keys.ts'
import { bareEnv, plainNode } from '../support/embedded-service.ts'
import { site } from '../support/service-processes.ts'

// As an operator does it who has lost every key: on the embedded database, which the service may be using.

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const env = { MAILTRAIL_DATA: t.testdir(), MAILTRAIL_LOG_LEVEL: 'warn' }

const createKey = async (...args: string[]) => {
  const [command, all] = plainNode([main, 'create-key', ...args])
  const child = spawn(command, all, { env: { ...bareEnv(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [[code], out, err] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout),
    text(child.stderr),
  ])
  return { code, out, err }
}
const start = async () =>
  startService(
    { ...env, NODE_OPTIONS: '', MAILTRAIL_PORT: String(await freePort()) },
    { onSpawn: (child) => t.teardown(() => child.kill('SIGKILL')) },
  )
type Keys = { data: ListedApiKey[] }
type Events = { data: { type: string; stream: string; actor: object }[] }
const nameOf = (token: string) => token.split('_')[1] ?? ''

t.test('npm run create-key', async (t) => {
  const before = await createKey('--name', 'too early')
  t.match(before, { code: 1, out: '', err: /There is no database in .*: start the service once/ })

  let service = await start()
  const first = apiClient(service.url, service.key ?? '')
  const running = await createKey(
    '--name',
    'while it runs',
    '--scope',
    'keys:manage',
    '--scope',
    'audit:read',
  )
  t.match(running, { code: 0, out: /^mt_\w+\n$/, err: /shown only once/ })
  const { data } = await apiClient(service.url, running.out.trim()).get<Keys>('/v1/api-keys')
  const operator = { kind: 'system', id: 'operator' }
  t.match(
    data.find(({ id }) => id === nameOf(running.out)),
    { name: 'while it runs', scopes: ['keys:manage', 'audit:read'], createdBy: operator, userId: null },
  )
  for (const { id } of data) await first.send('DELETE', `/v1/api-keys/${id}?force=true`).catch(() => {})
  await service.stop()

  const stopped = await createKey('--name', 'CRM', '--user', 'u1', '--expires', '2999-01-01T00:00:00Z')
  t.equal(stopped.code, 0, stopped.err)
  const whole = await createKey('--name', 'rescue')
  service = await start()
  const rescued = apiClient(service.url, whole.out.trim())
  const keys = (await rescued.get<Keys>('/v1/api-keys')).data
  t.match(
    keys.find(({ id }) => id === nameOf(stopped.out)),
    { userId: 'u1', scopes: ['*'], createdBy: operator },
  )
  t.match(
    keys.find(({ id }) => id === nameOf(whole.out)),
    { userId: null, expiresAt: null, scopes: ['*'] },
  )
  const made = await until(
    'the log is read',
    () => rescued.get<Events>('/v1/audit/events?type=ApiKeyCreated&actorId=operator&sort=position'),
    (page) => page.data.length >= 3,
  )
  t.strictSame(
    made.data.map(({ stream, actor }) => ({ stream, actor })),
    [running, stopped, whole].map(({ out }) => ({ stream: `apikey-${nameOf(out)}`, actor: operator })),
  )
  await service.stop()
})

t.test('a database that no service of this release was started on is left as it is', async (t) => {
  const { run, query } = await site(t)
  const refused = await run(process.execPath, [main, 'create-key', '--name', 'x'])
  t.match(refused, { code: 1, out: '', err: /not set up for this release: start the service on it once/ })
  t.strictSame(await query(`select from pg_namespace where nspname in ('mailtrail', 'es')`), [])
})

t.test('what it cannot take is named, and nothing is created', async (t) => {
  const cases: [string[], RegExp][] = [
    [[], /--name: .*create-key takes --name NAME/],
    [['--name', ' '], /--name: /],
    [['--name', 'x', '--scope', 'everything'], /--scope: /],
    [['--name', 'x', '--user', 'a@b.test'], /--user: /],
    [['--name', 'x', '--expires', 'tomorrow'], /--expires: /],
    [['--name', 'x', '--bogus'], /bogus.*create-key takes --name NAME/],
    [['x'], /create-key takes --name NAME/],
  ]
  for (const [args, says] of cases)
    t.match(await createKey(...args), { code: 1, out: '', err: says }, args.join(' '))
})
