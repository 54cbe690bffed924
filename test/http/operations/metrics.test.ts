import pg from 'pg'
import t from 'tap'
import { until } from '../../../scripts/lib/client.ts'
import { startApp, type TestApp } from '../../support/running-app.ts'

const app = await startApp(t)
const read = async (of: TestApp = app, key: string | null = of.key) => of.ask('GET', '/metrics', { key })

/** Samples by their name with labels, as they are written. @throws Error for a line that is neither sample nor comment */
const samplesOf = (text: string): Map<string, number> => {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (line === '' || /^# (?:HELP|TYPE) \w+ ./.test(line)) continue
    const [, name, value] = /^([a-zA-Z_:][\w:]*(?:\{(?:\w+="[^"]*",?)+\})?) (\S+)$/.exec(line) ?? []
    if (name === undefined) throw new Error(`Not a line of the format: ${line}`)
    samples.set(name, Number(value))
  }
  return samples
}
const samples = async (of: TestApp = app) => samplesOf((await read(of)).bytes.toString())

t.test('metrics are for keys with system:read, or for anybody where the setting says so', async (t) => {
  t.equal((await read(app, null)).status, 401)
  t.equal((await read(app, await app.makeKey('accounts:read'))).status, 403)
  const answer = await read(app, await app.makeKey('system:read'))
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  t.equal(answer.headers.get('cache-control'), 'no-store')

  const open = await startApp(t, { env: { MAILTRAIL_METRICS: 'open' } })
  t.equal((await read(open, null)).status, 200)
  t.ok((await samples(open)).has('process_cpu_seconds_total'), 'a second service in a process has its own')
})

t.test('what a command does is counted where it is done: request, append, projection', async (t) => {
  const before = await samples()
  const { position } = await app.client.send('PUT', '/v1/directory/contacts/c-secret-7', {
    firstName: 'Adelheid',
  })
  await app.client.get(`/v1/directory/contacts?min_position=${position}`)
  const route = 'method="PUT",route="/v1/directory/contacts/:id",status="200"'
  const after = await until(
    'the answer was counted',
    samples,
    (now) => now.get(`mailtrail_http_request_duration_seconds_count{${route}}`) === 1,
  )
  const grown = (name: string) => (after.get(name) ?? Number.NaN) - (before.get(name) ?? 0)
  t.equal(grown('mailtrail_event_store_appends_total{outcome="appended"}'), 1)
  t.equal(grown('mailtrail_event_store_append_duration_seconds_count'), 1)
  t.equal(grown('mailtrail_event_store_events_total'), 1)
  t.equal(grown('mailtrail_event_store_head_events'), 1)
  t.equal(grown('mailtrail_projection_events_total{projection="directory"}'), 1)
  t.equal(grown('mailtrail_projection_batch_duration_seconds_count{projection="directory"}'), 1)
  t.equal(after.get('mailtrail_projection_errors_total{projection="directory"}'), 0)
  const text = (await read()).bytes.toString()
  for (const personal of ['c-secret-7', 'Adelheid', app.key]) t.notMatch(text, personal)
})

t.test('each projection tells how far it is, how far behind, and whether it runs here', async (t) => {
  const { data } = await app.client.get<{ data: { name: string }[] }>('/v1/projections')
  t.ok(data.length > 15)
  const all = await until('all have caught up', samples, (now) =>
    data.every(({ name }) => now.get(`mailtrail_projection_lag_events{projection="${name}"}`) === 0),
  )
  for (const { name } of data) {
    const of = (figure: string) => all.get(`mailtrail_projection_${figure}{projection="${name}"}`)
    t.same(
      ['position_events', 'lag_seconds', 'running', 'failing', 'parked_events', 'parked_streams'].map(of),
      [all.get('mailtrail_event_store_head_events'), 0, 1, 0, 0, 0],
      name,
    )
  }
  t.ok((all.get('mailtrail_leases_held') ?? 0) >= data.length, 'a lease for each')
})

t.test('automations, the spool and the process itself are among them', async (t) => {
  const runs = 'mailtrail_automation_runs_total{automation="send"}'
  const all = await until('an automation has looked', samples, (now) => (now.get(runs) ?? 0) > 0)
  t.equal(all.get('mailtrail_automation_errors_total{automation="send"}'), 0)
  t.same(
    ['files', 'bytes', 'damaged_files'].map((name) => all.get(`mailtrail_spool_${name}`)),
    [0, 0, 0],
  )
  t.ok(all.has('nodejs_eventloop_lag_seconds') && all.has('process_resident_memory_bytes'))
})

t.test('an address that no route has, and a tracking token, are in no label', async (t) => {
  await app.ask('GET', '/no/such/address-of-ours', { key: null })
  await app.ask('GET', '/t/o/a-token-that-nobody-sealed', { key: null })
  const found = await until('both were counted', samples, (now) =>
    ['none', '/t/o/:token'].every((route) =>
      [...now.keys()].some((name) => name.startsWith('mailtrail_http') && name.includes(`route="${route}"`)),
    ),
  )
  t.notMatch([...found.keys()].join('\n'), /address-of-ours|nobody-sealed/)
})

t.test('while the database is away a process is alive but not ready, and tells what it knows', async (t) => {
  // One that runs no projections itself: it does not make the tables again.
  const away = await startApp(t, {
    env: { MAILTRAIL_METRICS: 'open', MAILTRAIL_ROLE: 'api', DATABASE_URL: 'postgres://elsewhere.test/mail' },
  })
  const status = async (path: string) => (await away.ask('GET', path, { key: null })).status
  t.equal(await status('/health'), 200)
  t.equal(await status('/health/ready'), 200)

  const known = await samples(away)
  t.equal(
    known.get('mailtrail_projection_running{projection="directory"}'),
    0,
    'it runs elsewhere, or nowhere',
  )
  const { rows } = await away.pool.query<{ schema: string }>(
    `select nspname as schema from pg_namespace where nspname like 'rm\\_directory%'`,
  )
  const schema = rows[0]?.schema ?? ''
  await away.pool.query(`alter schema ${schema} rename to elsewhere`)
  const missing = await away.ask('GET', '/health/ready', { key: null })
  t.match(missing, { status: 503, json: { code: 'not-ready', detail: 'Not responding: read models.' } })
  await away.pool.query(`alter schema elsewhere rename to ${schema}`)
  t.equal(await status('/health/ready'), 200)

  const { database, ...server } = away.pool.options
  const admin = new pg.Client({ ...server, database: 'postgres' })
  await admin.connect()
  const name = pg.escapeIdentifier(database ?? '')
  try {
    await admin.query(`alter database ${name} allow_connections false`)
    await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [database])
    await until(
      'it is not ready',
      () => status('/health/ready'),
      (now) => now === 503,
    )
    t.equal(await status('/health'), 200, 'alive')
    const told = samplesOf((await read(away, null)).bytes.toString())
    t.equal(told.get('mailtrail_event_store_up'), 0)
    t.notOk(
      [...told.keys()].some((key) => key.startsWith('mailtrail_projection_position')),
      'no old figures',
    )
  } finally {
    await admin.query(`alter database ${name} allow_connections true`)
    await admin.end()
  }
  await until(
    'it is ready again',
    () => status('/health/ready'),
    (now) => now === 200,
  )
})
