import t from 'tap'
import { memoryEventStore } from '../../../../support/memory-event-store.ts'
import { readModelsEqualRebuild } from '../../../../../scripts/lib/equals-rebuild.ts'
import { projectionRunner } from '../../../../../src/adapters/postgres/projections/run/runner.ts'
import type { EventStore } from '../../../../../src/commands/ports/event-log.ts'
import { schemaOf, type AnyProjection } from '../../../../../src/projections/projection.ts'
import { failingPool } from '../../../../support/failing-pool.ts'
import { foldEvents, recordedEvents } from '../../../../support/fold-events.ts'
import {
  add,
  caughtUp,
  Given,
  logOf,
  mailboxRig,
  once,
  Other,
  sample,
  silent,
  tables,
  until,
} from '../../../../support/mailbox-read-model.ts'

const { pool, named, rowsIn, running } = await mailboxRig(t)

t.test('an event appended while the runner runs is in the tables when waitFor says so', async (t) => {
  const of = named('live')
  const store = memoryEventStore()
  const runner = running(t, { store, projections: [of] })
  let advances = 0
  const forget = runner.onAdvanced(of.name, () => advances++)
  const events = sample(1, 30)
  for (const [index, event] of events.entries()) {
    const { position } = await add(store, event)
    t.ok(await runner.waitFor(of.name, position, 120_000))
    if (index % 10 === 0)
      t.strictSame(
        await rowsIn(schemaOf(of)),
        await foldEvents(of, recordedEvents(events.slice(0, index + 1))),
      )
  }
  t.ok(advances > 0 && advances <= 30, 'listeners hear of each commit')
  forget()
  const [status] = await runner.status()
  t.match(status, { name: of.name, version: 1, lagMs: 0, runningHere: true, error: null })
  t.equal(status!.position, await store.head())
})

t.test('a read model of another log, ahead of its log, or of another shape is refused', async (t) => {
  const of = named('refused')
  const store = await logOf(sample(10, 10))
  const first = running(t, { store, projections: [of] })
  await caughtUp(first, store, of.name)
  await first.end()
  const before = await rowsIn(schemaOf(of))
  const refusal = async (parts: { store: EventStore; projections: readonly AnyProjection[] }) => {
    const runner = running(t, parts)
    await until(async () => (await runner.status())[0]!.error !== null, 'it refuses')
    const { message } = (await runner.status())[0]!.error!
    await runner.end()
    return message
  }
  const foreign = await logOf(sample(11, 20))
  t.match(await refusal({ store: foreign, projections: [of] }), /filled from another log/)
  const shorter = { ...(await logOf(sample(10, 3))), storeId: () => store.storeId() }
  t.match(await refusal({ store: shorter, projections: [of] }), /is ahead of this log/)
  const { account, message } = tables
  const changed = {
    ...of,
    tables: { account, message, total: { ...tables.total, key: ['day', 'owner'] as const } },
  }
  t.match(await refusal({ store, projections: [changed] }), /Raise the projection's version/)
  t.strictSame(await rowsIn(schemaOf(of)), before)
})

t.test('missing tables are filled again from the start', async (t) => {
  const of = named('dropped')
  const store = await logOf(sample(12, 40))
  const first = running(t, { store, projections: [of] })
  await caughtUp(first, store, of.name)
  await first.end()
  await pool.query(`drop table ${schemaOf(of)}.total`)
  const second = running(t, { store, projections: [of] })
  await until(async () => (await second.status())[0]!.runningHere, 'it starts again')
  await add(store, Given({ account: 'a', owner: 'b' }))
  await caughtUp(second, store, of.name)
  t.ok((await readModelsEqualRebuild({ store, pool, projections: [of] })).every(({ equal }) => equal))
})

t.test('events of other types move the checkpoint, in few statements', async (t) => {
  const of = named('idle')
  const store = memoryEventStore()
  let moves = 0
  const counting = failingPool(pool, (query) => {
    if (query.includes('set position = $4')) moves++
    return false
  })
  const runner = running(t, { store, pool: counting, projections: [of] })
  for (let nth = 0; nth < 60; nth++) {
    const { position } = await add(store, Other({}))
    if (!(await runner.waitFor(of.name, position, 60_000))) t.fail('not passed')
  }
  const elsewhere = projectionRunner({ store, pool, log: silent, projections: [of], leases: once(1) })
  await caughtUp(elsewhere, store, of.name)
  t.ok(moves < 30, `${moves} statements`)
})

t.test('a restart on an empty log is not refused', async (t) => {
  const of = named('empty')
  const store = memoryEventStore()
  const first = running(t, { store, projections: [of] })
  await until(async () => (await first.status())[0]!.position !== null, 'the first saves where it stands')
  await first.end()
  const second = running(t, { store, projections: [of] })
  await add(store, Given({ account: 'a', owner: 'b' }))
  await caughtUp(second, store, of.name)
  t.equal((await second.status())[0]!.error, null)
})

t.test('a wait ends with its timeout and with its signal', async (t) => {
  const store = memoryEventStore()
  const runner = projectionRunner({
    store,
    pool,
    log: silent,
    projections: [named('never')],
    leases: once(1),
  })
  t.notOk(await runner.waitFor('never', 'm:00000000000000000009', 10))
  const abort = new AbortController()
  const waiting = runner.waitFor('never', 'm:00000000000000000009', abort.signal)
  abort.abort()
  t.notOk(await waiting)
  await t.rejects(runner.waitFor('unknown', 'm:00000000000000000009', 10), /no projection unknown/)
})

t.test('a comparison with a rebuild finds one changed row', async (t) => {
  const of = named('tampered')
  const store = await logOf(sample(13, 200))
  const runner = running(t, { store, projections: [of] })
  await caughtUp(runner, store, of.name)
  await pool.query(
    `update ${schemaOf(of)}.message set size = size + 1 where id = (select min(id) from ${schemaOf(of)}.message)`,
  )
  const compared = await readModelsEqualRebuild({ store, pool, projections: [of] })
  t.same(
    compared.map(({ table, equal }) => [table, equal]),
    [
      ['message', false],
      ['account', true],
      ['total', true],
    ],
  )
  const shadows = await pool.query(`select 1 from pg_namespace where nspname like 'rebuild%'`)
  t.equal(shadows.rowCount, 0, 'the rebuilt tables are gone')
})
