import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { migrate } from '../../../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../../../src/adapters/postgres/pool.ts'
import type { Lease, Leases } from '../../../../../src/commands/ports/leases.ts'
import { schemaOf } from '../../../../../src/projections/projection.ts'
import { failingPool } from '../../../../support/failing-pool.ts'
import { ledgerRig, until, type Poison } from '../../../../support/ledger-read-model.ts'
import { testDatabase } from '../../../../support/test-database.ts'
import { runs } from '../../../../support/long-runs.ts'

const config = await testDatabase(t)
const pool = createPool({ ...config, max: 20 })
t.teardown(() => pool.end())
await migrate(pool)

t.test('retries and skips wait for concurrent work on the read model, and see its result', async (t) => {
  const rig = ledgerRig(t, pool, 'waits')
  for (const stream of ['a', 'b']) {
    await rig.book(stream, 1)
    await rig.book(stream, 2, 'throws')
    await rig.book(stream, 3)
  }
  const runner = rig.run()
  await runner.caughtUp()
  rig.poison.clear()
  const client = await pool.connect()
  t.teardown(() => client.release())
  const skip = { by: 'user u1', reason: 'test', commandId: randomUUID(), eventId: null }
  const works = [
    () => runner.retry('a'),
    () => runner.skip(rig.of.name, 'book-b', skip).then(async () => (await rig.parked()).length === 1),
  ]
  for (const work of works) {
    await client.query('begin')
    await client.query('select from mailtrail.checkpoints where projection = $1 for update', [rig.of.name])
    const before = await rig.parked()
    const working = work()
    await until(async () => {
      const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
        and query like '%mailtrail.checkpoints%for update'`
      return (await pool.query(waiting)).rowCount === 1
    }, 'it waits')
    t.same(await rig.parked(), before)
    await client.query(`update ${schemaOf(rig.of)}.total set amount = amount + 1000`)
    await client.query('commit')
    t.ok(await working)
  }
  const { rows } = await pool.query(`select amount from ${schemaOf(rig.of)}.total`)
  t.same(rows, [{ amount: 1 + 1 + 2 + 3 + 2000 }])
})

t.test(
  'an unavailable database parks nothing: a connection lost at any statement changes no figure',
  async (t) => {
    const rig = ledgerRig(t, pool, 'lost')
    for (let nth = 0; nth < 120; nth++)
      await rig.book(`s${nth % 9}`, nth, nth % 40 === 7 ? 'throws' : undefined)
    let countdown = 3
    let lost = 0
    let most = 80
    const failing = failingPool(pool, () => {
      if (countdown-- > 0 || lost >= most) return false
      countdown = (lost * 7) % 12
      lost++
      return true
    })
    const runner = rig.run({ pool: failing, pageSize: 5 })
    await runner.caughtUp()
    const waiting = await rig.parked()
    t.same([...new Set(waiting.map(([stream]) => stream))], ['s2', 's6', 's7'])
    t.equal(waiting.filter(([, , , error]) => error).length, 3, 'one poison a stream')
    rig.poison.clear()
    let retries = 0
    while ((await rig.parked()).length > 0) {
      countdown = retries++
      most = lost + 80
      for (const stream of ['s2', 's6', 's7']) await runner.retry(stream).catch(() => {})
      await rig.book('s2', retries)
    }
    await runner.caughtUp()
    t.ok(retries > 2, `${lost} connections were lost, and ${retries} rounds of retries needed`)
    for (const stream of ['s2', 's6', 's7']) await runner.retry(stream).catch(() => {})
    t.same(await rig.parked(), [])
    t.ok(await rig.equalsRebuild())
  },
)

t.test(
  'only what the database says about data parks an event: anything else is retried until it succeeds',
  async (t) => {
    const rig = ledgerRig(t, pool, 'codes')
    await rig.book('a', 0)
    const runner = rig.run()
    await runner.caughtUp()
    await pool.query(`
    create table public.fault (code text);
    create function public.fail() returns trigger language plpgsql as $$
      declare fault text := (select min(code) from public.fault);
      begin
        if fault is not null then raise exception 'Mia Muster' using errcode = fault; end if;
        return new;
      end $$;
    create trigger fail before insert or update on ${schemaOf(rig.of)}.account
      for each row execute function public.fail()`)
    for (const code of ['40001', '40P01', '42501', '53200', '55P03', '57014', '57P01', 'XX000']) {
      await pool.query('insert into public.fault values ($1)', [code])
      await rig.book('a', 1)
      await until(async () => (await runner.status()).error !== null, 'it stands still')
      t.match(await runner.status(), { parked: { events: 0 }, error: { event: null } }, code)
      await pool.query('delete from public.fault')
      await runner.caughtUp()
      t.equal((await runner.status()).error, null)
    }
    for (const [nth, code] of ['22000', '23514', '54000'].entries()) {
      await pool.query('insert into public.fault values ($1)', [code])
      await rig.book(`b${nth}`, 1)
      await runner.caughtUp()
      await pool.query('delete from public.fault')
      t.match(await runner.status(), { parked: { events: 1 }, error: null }, code)
      t.match(
        (await runner.parked(rig.of.name, null, 1))![0]!.error,
        `The database refused a row: SQLSTATE ${code}`,
      )
      t.match(await runner.retry(`b${nth}`), { remaining: 0 })
    }
    t.ok(await rig.equalsRebuild())
  },
)

// Every request is granted, as if each lease had just expired: only generation and checkpoint protect.
const generousLeases = (): Leases => {
  let generation = 0
  return {
    acquire: async (name): Promise<Lease> => {
      await new Promise((resolve) => setTimeout(resolve, 10))
      return { name, generation: ++generation, signal: new AbortController().signal, release: async () => {} }
    },
  }
}

t.test(
  'two runners that both believe they own it, with retries from both, fold each event once, in order',
  async (t) => {
    const rig = ledgerRig(t, pool, 'two')
    const leases = generousLeases()
    const runners = [rig.run({ leases, pageSize: 3 }), rig.run({ leases, pageSize: 5 })]
    for (let nth = 0; nth < 60; nth++) {
      const id = await rig.book(`s${nth % 4}`, nth, nth % 11 === 0 ? 'throws' : undefined)
      if (nth % 3 === 0) await Promise.all(runners.map((runner) => runner.retry(`s${nth % 4}`)))
      if (nth % 2 === 0) rig.poison.delete(id)
    }
    rig.poison.clear()
    await Promise.all(runners.map((runner) => runner.caughtUp()))
    for (const stream of ['s0', 's1', 's2', 's3'])
      await Promise.all(runners.map((runner) => runner.retry(stream)))
    t.same(await rig.parked(), [])
    t.ok(await rig.equalsRebuild())
    await Promise.all(runners.map((runner) => runner.end()))
  },
)

t.test(
  'whatever is parked, retried and restarted: once fixed and retried, tables equal a clean fold',
  async (t) => {
    const stream = fc.constantFrom('a', 'b', 'c')
    const as = fc.constantFrom<Poison | undefined>(
      undefined,
      undefined,
      undefined,
      'throws',
      'too-long',
      'unfit',
    )
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('book' as const), stream, as }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('retry' as const), stream }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('mend' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
    )
    let run = 0
    let parkings = 0
    const law = async (
      steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
      pageSize: number,
    ) => {
      const rig = ledgerRig(t, pool, `law-${++run}`)
      let runner = rig.run({ pageSize })
      for (const [nth, each] of steps.entries())
        if (each.do === 'book') await rig.book(each.stream, nth, each.as)
        else if (each.do === 'retry') await runner.retry(each.stream)
        else if (each.do === 'mend') rig.poison.delete([...rig.poison.keys()][0] ?? '')
        else if (each.do === 'settle') await rig.book('d', nth).then(() => runner.caughtUp())
        else {
          await runner.end()
          runner = rig.run({ pageSize })
        }
      await rig.book('d', 0)
      await runner.caughtUp()
      const waiting = await rig.parked()
      parkings += waiting.length
      // In order and without gaps: a stream's parked events start where its row ends.
      const trails = await rig.trails()
      for (const [name, revision] of waiting)
        assert.ok(
          revision === (trails[name]?.split(' ').length ?? 0) ||
            waiting.some(([other, before]) => other === name && before === revision - 1),
        )
      rig.poison.clear()
      for (const name of ['a', 'b', 'c']) await runner.retry(name)
      assert.deepEqual(await rig.parked(), [])
      assert.ok(await rig.equalsRebuild())
      await runner.end()
    }
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fc.constantFrom(1, 4, 1000), law),
      {
        numRuns: runs(12, 25),
      },
    )
    t.ok(parkings > 0, `${parkings} events were parked`)
  },
)
