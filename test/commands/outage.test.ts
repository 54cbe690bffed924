import { readFile } from 'node:fs/promises'
import pg from 'pg'
import t from 'tap'
import { freePort } from '../../scripts/lib/free-port.ts'
import { isOutage } from '../../src/commands/outage.ts'
import { StoreUnavailable } from '../../src/commands/ports/event-log.ts'
import { oneByOne } from '../../src/commands/to-do-work.ts'
import { testDatabase } from '../support/test-database.ts'

const thrownBy = async (work: () => Promise<unknown>): Promise<unknown> => {
  try {
    await work()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown')
}

t.test('a log or a database that does not answer is an outage; what it answers is none', async (t) => {
  const config = await testDatabase(t)
  const port = await freePort()
  const away = new pg.Pool({ host: '127.0.0.1', port, user: 'x', database: 'x', password: 'x' })
  const there = new pg.Pool(config)
  t.teardown(() => Promise.all([away.end(), there.end()]))
  const client = await there.connect()
  client.on('error', () => {})
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  const ended = thrownBy(() => client.query('select pg_sleep(60)'))
  await there.query('select pg_terminate_backend($1)', [rows[0]!.pid])
  const lost = await ended
  client.release(true)
  const outages = {
    refused: await thrownBy(() => away.query('select 1')),
    lost,
    log: new StoreUnavailable('away'),
  }
  for (const [name, error] of Object.entries(outages)) t.ok(isOutage(error), name)
  t.ok(isOutage(new AggregateError(Object.values(outages))))

  const answers = {
    statement: await thrownBy(() => there.query('select nothing')),
    file: await thrownBy(() => readFile('/no/such/file')),
    bug: new TypeError('undefined is not a function'),
    some: new AggregateError([outages.log, new Error('x')]),
    none: new AggregateError([]),
    thrown: 'a text',
  }
  for (const [name, error] of Object.entries(answers)) t.notOk(isOutage(error), name)
})

t.test('an item rests after a fault of its own, and not after an outage', async (t) => {
  const faults: (Error | null)[] = [new StoreUnavailable('away'), new Error('its own'), null]
  const worked: unknown[] = []
  const workOn = oneByOne<string>(
    (id) => id,
    async () => {
      const fault = faults.shift() ?? null
      worked.push(fault)
      if (fault !== null) throw fault
    },
  )
  const { signal } = new AbortController()
  await t.rejects(workOn(['one'], signal), { name: 'StoreUnavailable' })
  t.equal(workOn.resting(), 0)
  await t.rejects(workOn(['one'], signal), { message: 'its own' })
  await workOn(['one'], signal)
  t.equal(worked.length, 2, 'it is left alone for a while')
})
