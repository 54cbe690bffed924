import { Kysely, PostgresDialect } from 'kysely'
import t from 'tap'
import { z } from 'zod'
import { memoryEventStore } from '../../../../support/memory-event-store.ts'
import { postgresLeases } from '../../../../../src/adapters/postgres/leases.ts'
import { migrate } from '../../../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../../../src/adapters/postgres/pool.ts'
import { projectionRunner } from '../../../../../src/adapters/postgres/projections/run/runner.ts'
import type { EventStore } from '../../../../../src/commands/ports/event-log.ts'
import { withUpcasts } from '../../../../../src/commands/with-upcasts.ts'
import { defineEvent, type EventDefinition } from '../../../../../src/domain/event.ts'
import { projection, table, tablesOf, text } from '../../../../../src/projections/projection.ts'
import { postgresEventStore } from '../../../../../src/adapters/postgres/event-log/event-store.ts'
import { startApp } from '../../../../support/running-app.ts'
import { anEvent } from '../../../../support/log-events.ts'
import { testDatabase } from '../../../../support/test-database.ts'

const ofToday = defineEvent('PlantedNoted', z.object({ note: z.string() }))
const ofTomorrow = defineEvent('PlantedNoted', z.object({ notes: z.array(z.string()) }), [
  { upcast: ({ note }: { note: string }) => ({ notes: [note] }) },
])
const Counted = defineEvent('PlantedCounted', z.object({ note: z.string() }))
const notes = table({ columns: { note: text }, key: ['note'] })
const readModel = projection({
  name: 'planted-notes',
  version: 1,
  tables: { notes },
  events: [ofToday],
  fold: (event, rows) => rows.put('notes', { note: event.data.note }),
})
const readModelOfTomorrow = projection({
  ...readModel,
  events: [ofTomorrow],
  fold: (event, rows) => {
    for (const note of event.data.notes) rows.put('notes', { note })
  },
})

/** A read model that the change does not affect. */
const bystander = projection({
  ...readModel,
  name: 'planted-counts',
  events: [Counted],
  fold: (event, rows) => rows.put('notes', { note: event.data.note }),
})

t.test(
  'a read model stops before an event of a newer version, says so, and continues with that version',
  async (t) => {
    const pool = createPool({ ...(await testDatabase(t)), max: 10 })
    t.teardown(() => pool.end())
    await migrate(pool)
    const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
    const told = async () =>
      (await tablesOf(db, readModel).selectFrom('notes').select('note').orderBy('note').execute()).map(
        ({ note }) => note,
      )
    const stored = memoryEventStore()
    const add = async (data: unknown, schemaVersion: number, type: string = ofToday.type) => {
      const { metadata, ...event } = anEvent(data, type)
      const events = [{ ...event, metadata: { ...metadata, schemaVersion } }]
      return stored.append({ stream: `test-${event.id}`, expected: 'no_stream', events })
    }
    const run = (log: EventStore, of: typeof readModel | typeof readModelOfTomorrow) => {
      const leases = postgresLeases(pool, { owner: 'test' })
      const retryMs = { first: 5, most: 50 }
      const silent = { info: () => {}, error: () => {} }
      const runner = projectionRunner({
        store: log,
        pool,
        leases,
        projections: [of, bystander],
        log: silent,
        retryMs,
      })
      const stop = new AbortController()
      const stopped = runner.start(stop.signal)
      const end = async () => {
        stop.abort()
        await stopped
      }
      t.teardown(end)
      return { ...runner, end }
    }
    const readBy = (kind: EventDefinition) => withUpcasts(stored, [kind, Counted])

    await add({ note: 'a' }, 1)
    const last = await add({ note: 'b' }, 1)
    await add({ notes: ['c', 'd'] }, 2)
    const end = await add({ note: 'e' }, 1)
    const beyond = await add({ note: 'x' }, 1, Counted.type)

    const rolledBack = run(readBy(ofToday), readModel)
    t.ok(await rolledBack.waitFor(readModel.name, last.position, 120_000), 'what lies before it is told')
    const until = performance.now() + 120_000
    while ((await rolledBack.status())[0]!.error === null && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 5))
    const [status] = await rolledBack.status()
    t.match(status, {
      position: last.position,
      error: { message: /is PlantedNoted in version 2, .* up to version 1: run the version that wrote it/ },
    })
    t.type(status!.lagMs, 'number')
    t.strictSame(await told(), ['a', 'b'])
    t.notOk(await rolledBack.waitFor(readModel.name, end.position, 50))
    t.ok(await rolledBack.waitFor(bystander.name, beyond.position, 120_000), 'others go on behind it')
    const live = await add({ note: 'y' }, 1, Counted.type)
    t.ok(await rolledBack.waitFor(bystander.name, live.position, 120_000), 'and live')
    t.match(await rolledBack.status(), [{ position: last.position }, { error: null }])
    await rolledBack.end()

    const rolledForward = run(readBy(ofTomorrow), readModelOfTomorrow)
    t.ok(await rolledForward.waitFor(readModel.name, end.position, 120_000))
    t.strictSame(await told(), ['a', 'b', 'c', 'd', 'e'])
    t.equal((await rolledForward.status())[0]!.error, null)
  },
)

t.test('an older service answers what it can read, and otherwise says that it is too old', async (t) => {
  const app = await startApp(t)
  const log = postgresEventStore(app.pool)
  t.teardown(() => log.close())
  const put = (id: string) => app.ask('PUT', `/v1/directory/companies/${id}`, { body: { name: 'Acme' } })
  const get = (id: string) => app.ask('GET', `/v1/directory/companies/${id}`)
  const listed = async () => {
    const { json } = await app.ask('GET', '/v1/directory/companies')
    return (json as { data: { id: string }[] }).data.map(({ id }) => id)
  }
  const appendTo = (id: string, type: string, schemaVersion: number) => {
    const event = anEvent({ companyId: id, seals: ['x'] }, type)
    const events = [{ ...event, metadata: { ...event.metadata, schemaVersion } }]
    return log.append({ stream: `company-${id}`, expected: 0, events })
  }
  t.equal((await put('a')).status, 200)
  const { position } = await appendTo('a', 'CompanySealed', 1)
  const unknown = await get('a')
  t.equal(unknown.status, 200, 'an unknown kind is passed over')
  t.match(unknown.headers.get('etag'), /^"1-/, 'and counts as a version')
  t.equal((await app.ask('GET', `/v1/directory/companies?min_position=${position}`)).status, 200)

  t.equal((await put('b')).status, 200)
  await appendTo('b', 'CompanyRecorded', 2)
  for (const answer of [await get('b'), await put('b')]) {
    t.equal(answer.status, 503)
    t.match(answer.json, { code: 'newer-version-needed', remedy: /newer version/ })
  }
  const other = await put('c')
  t.equal(other.status, 200, 'other streams are free')
  const accounts = `/v1/email-accounts?min_position=${other.headers.get('event-position')}`
  t.equal((await app.ask('GET', accounts)).status, 200, 'and so are read models of other kinds')
  const standing = async () => {
    const { json } = await app.ask('GET', '/v1/projections')
    const { data } = json as { data: { name: string; error: string | null }[] }
    return data.find(({ name }) => name === 'directory')?.error ?? ''
  }
  const until = performance.now() + 120_000
  while ((await standing()) === '' && performance.now() < until)
    await new Promise((resolve) => setTimeout(resolve, 20))
  t.match(await standing(), /CompanyRecorded in version 2, .* up to version 1: run the version that wrote it/)
  t.strictSame(await listed(), ['a', 'b'], 'lists stay as they were before it')
})
