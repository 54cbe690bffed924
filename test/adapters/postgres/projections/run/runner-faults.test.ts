import t from 'tap'
import { postgresLeases } from '../../../../../src/adapters/postgres/leases.ts'
import { readModelsEqualRebuild } from '../../../../../scripts/lib/equals-rebuild.ts'
import type { Leases } from '../../../../../src/commands/ports/leases.ts'
import { schemaOf } from '../../../../../src/projections/projection.ts'
import { failingPool } from '../../../../support/failing-pool.ts'
import { foldEvents, recordedEvents } from '../../../../support/fold-events.ts'
import {
  add,
  caughtUp,
  generationOf,
  Given,
  lease,
  logOf,
  mailboxRig,
  once,
  sample,
  Stored,
  until,
} from '../../../../support/mailbox-read-model.ts'

const { pool, named, rowsIn, running } = await mailboxRig(t)

t.test('a connection lost at any statement changes no figure', async (t) => {
  const of = named('lost')
  const store = await logOf(sample(2, 300))
  let countdown = 3
  let lost = 0
  const failing = failingPool(pool, () => {
    if (countdown-- > 0 || lost >= 60) return false
    countdown = 1 + ((lost * 7) % 12)
    lost++
    return true
  })
  const runner = running(t, {
    store,
    pool: failing,
    projections: [of],
    pageSize: 9,
    retryMs: { first: 1, most: 2 },
  })
  await caughtUp(runner, store, of.name)
  t.ok(lost > 20, `${lost} connections were lost`)
  t.same(
    (await readModelsEqualRebuild({ store, pool, projections: [of] })).filter(({ equal }) => !equal),
    [],
  )
  t.strictSame(await rowsIn(schemaOf(of)), await foldEvents(of, recordedEvents(sample(2, 300))))
})

t.test('two runners that both believe they own the projection change no figure', async (t) => {
  const of = named('two')
  const store = await logOf(sample(3, 400))
  // Every request is granted, as if each lease had just expired: only generation and checkpoint protect. Not at once,
  // or neither would ever reach a commit.
  let generation = 0
  const generous: Leases = {
    acquire: async (name) => {
      await new Promise((resolve) => setTimeout(resolve, 10))
      return lease(name, ++generation)
    },
  }
  const first = running(t, { store, leases: generous, projections: [of], pageSize: 3 })
  const second = running(t, { store, leases: generous, projections: [of], pageSize: 5 })
  await Promise.all([caughtUp(first, store, of.name), caughtUp(second, store, of.name)])
  await Promise.all([first.end(), second.end()])
  t.ok(generation > 2, `the projection changed hands ${generation} times`)
  const compared = await readModelsEqualRebuild({ store, pool, projections: [of] })
  t.ok(compared.every(({ equal, liveRows, rebuiltRows }) => equal && liveRows === rebuiltRows))
  t.ok(compared.some(({ liveRows }) => liveRows > 0))
})

t.test('of two runners with real leases one runs, and the other takes over', async (t) => {
  const of = named('heir')
  const store = await logOf(sample(4, 50))
  const first = running(t, { store, projections: [of], leases: postgresLeases(pool, { owner: 'first' }) })
  await caughtUp(first, store, of.name)
  const second = running(t, { store, projections: [of], leases: postgresLeases(pool, { owner: 'second' }) })
  const { position } = await add(store, Given({ account: 'a', owner: 'b' }))
  t.ok(await second.waitFor(of.name, position, 120_000), 'waitFor sees what another process has done')
  t.notOk((await second.status())[0]!.runningHere)
  t.equal((await second.status())[0]!.lagMs, 0)
  await first.end()
  await until(async () => (await second.status())[0]!.runningHere, 'the second takes over')
  await add(store, Stored({ message: 'new', account: 'a', at: '2026-01-01T00:00:00Z', subject: '', size: 1 }))
  await caughtUp(second, store, of.name)
  t.ok((await readModelsEqualRebuild({ store, pool, projections: [of] })).every(({ equal }) => equal))
})

t.test('a runner whose lease was taken over cannot commit', async (t) => {
  const of = named('fenced')
  const store = await logOf(sample(5, 20))
  const old = running(t, { store, projections: [of], leases: once(1) })
  await caughtUp(old, store, of.name)
  const taker = running(t, { store, projections: [of], leases: once(2) })
  await until(async () => (await generationOf(pool, of)) === 2, 'the second claims the checkpoint')
  await taker.end()
  const before = await rowsIn(schemaOf(of))
  await add(
    store,
    Stored({ message: 'late', account: 'late', at: '2026-01-01T00:00:00Z', subject: '', size: 1 }),
  )
  await until(async () => !(await old.status())[0]!.runningHere, 'the first notices')
  t.strictSame(await rowsIn(schemaOf(of)), before)
})
