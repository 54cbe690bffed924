import type pg from 'pg'
import { createPool } from '../src/adapters/postgres/pool.ts'
import { loadFromThread } from './load.ts'
import { inTurn, rate, type Bench, type Measured, type Row } from './measure.ts'
import { benchService, type BenchService } from './service.ts'

const COMMANDS = 300
const WARM_UP = 100
const common = {
  what: 'a command over HTTP, acknowledged, one after the other, as seen by a client in a thread of its own',
  unit: 'commands/s',
  reach: 0.5,
}

export const command: Row = {
  ...common,
  name: 'command',
  ceilingWhat: 'a bare durable commit of one row',
  run: (bench) =>
    measure(bench, (_service, commit) =>
      rate(COMMANDS, async () => {
        for (let index = 0; index < COMMANDS; index++) await commit()
      }),
    ),
}

/** The other ceiling: what the same client sees from a server that does no more than that commit. */
export const commandHttp: Row = {
  ...common,
  name: 'command-http',
  ceilingWhat: 'the same client asking a bare route of the same server for a bare durable commit of one row',
  run: (bench) => measure(bench, (service) => put(service, () => '/bare', 'x'.repeat(400))),
}

const measure = async (
  bench: Bench,
  ceiling: (service: BenchService, commit: () => Promise<unknown>) => Promise<number>,
): Promise<Measured> => {
  const service = await benchService(bench)
  const pool = createPool({ ...(await bench.database()), max: 1 })
  const commit = await bareCommit(pool)
  service.app.server.put('/bare', { config: { permission: 'public' } }, async () => {
    await commit()
    return {}
  })
  await service.start()
  let turn = 0
  const measured = await inTurn(
    bench.rounds,
    () => put(service, (index) => `/v1/directory/contacts/c${index}`, `Ada ${++turn}`),
    () => ceiling(service, commit),
  )
  await service.stop()
  await pool.end()
  return measured
}

const bareCommit = async (pool: pg.Pool): Promise<() => Promise<unknown>> => {
  await pool.query('create table bare (id bigint generated always as identity primary key, data json)')
  const data = JSON.stringify({ words: 'x'.repeat(400) })
  return () => pool.query({ name: 'bare', text: 'insert into bare (data) values ($1)', values: [data] })
}

const put = async (
  { app, key }: BenchService,
  pathOf: (index: number) => string,
  firstName: string,
): Promise<number> => {
  const { perSecond, statuses } = await loadFromThread({
    url: app.url,
    method: 'PUT',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    paths: Array.from({ length: WARM_UP + COMMANDS }, (_, index) => pathOf(index)),
    bodies: [JSON.stringify({ firstName })],
    requests: COMMANDS,
    warmUp: WARM_UP,
    connections: 1,
  })
  if (statuses[200] !== COMMANDS) throw new Error(`Answers: ${JSON.stringify(statuses)}`)
  return perSecond
}
