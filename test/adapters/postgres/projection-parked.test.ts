import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import {
  clearParked,
  faultText,
  MAX_PARKED_STREAMS,
} from '../../../src/adapters/postgres/projection-parked.ts'
import type { Lease, Leases } from '../../../src/commands/ports.ts'
import { schemaOf } from '../../../src/projections/projection.ts'
import { failingPool } from '../../support/failing-pool.ts'
import { ledgerRig, until, type Poison } from '../../support/ledger.ts'
import { testDatabase } from '../../support/postgres.ts'

const config = await testDatabase(t)
const pool = createPool({ ...config, max: 20 })
t.teardown(() => pool.end())
await migrate(pool)

t.test('an event that cannot be folded parks its stream in order, and the others flow', async (t) => {
  for (const pageSize of [1, 3, 1000]) {
    const rig = ledgerRig(t, pool, `parks-${pageSize}`)
    const { book } = rig
    for (const amount of [1, 2]) for (const stream of ['a', 'b', 'c']) await book(stream, amount)
    await book('b', 3, 'throws')
    for (const amount of [4, 5]) for (const stream of ['a', 'b', 'c']) await book(stream, amount)
    const errors: object[] = []
    const log = { info: () => {}, error: (fields: object) => errors.push(fields) }
    const runner = rig.run({ pageSize, log })
    await runner.caughtUp()
    t.same(await rig.trails(), { a: '1 2 4 5', b: '1 2', c: '1 2 4 5' })
    const waiting = [
      ['b', 2, 1, true],
      ['b', 3, 0, false],
      ['b', 4, 0, false],
    ]
    t.same(await rig.parked(), waiting)
    await book('b', 6)
    await book('c', 6)
    await runner.caughtUp()
    t.same(await rig.parked(), [...waiting, ['b', 5, 0, false]])
    t.match(await runner.status(), { error: null, lagMs: 0, parked: { events: 4, streams: 1, late: 0 } })
    t.match(errors, [{ stream: 'book-b', event: { type: 'TestBooked' }, fault: /^TypeError: Cannot book/ }])

    t.match(await runner.retry('b'), { folded: 0, remaining: 4, error: 'TypeError: Cannot book ' })
    t.same((await rig.parked())[0], ['b', 2, 2, true])
    rig.poison.clear()
    t.same(await runner.retry('b'), { folded: 4, remaining: 0, error: null })
    t.equal(await runner.retry('b'), null, 'nothing is left to try')
    await book('b', 7)
    await runner.caughtUp()
    t.same(
      (await runner.status()).parked,
      { events: 0, streams: 0, late: 4 },
      'what came after its turn is counted',
    )
    t.same(await rig.trails(), { a: '1 2 4 5', b: '1 2 3 4 5 6 7', c: '1 2 4 5 6' })
    t.same(await rig.parked(), [])
    t.ok(await rig.equalsRebuild())
    await runner.end()
  }
})

t.test(
  'what the database refuses, or fits no column, is parked alone, without a word of its data',
  async (t) => {
    for (const as of ['too-long', 'unfit', 'throws'] as const) {
      const rig = ledgerRig(t, pool, `refused-${as}`)
      for (let nth = 0; nth < 20; nth++)
        await rig.book(`s${nth % 7}`, nth, nth === 11 ? as : undefined, 'Mia Muster mia@client.test')
      const runner = rig.run()
      await runner.caughtUp()
      t.same(await rig.parked(), [
        ['s4', 1, 1, true],
        ['s4', 2, 0, false],
      ])
      const [row] = (await runner.parked(rig.of.name, null, 10))!
      t.match(row, { stream: 'book-s4', events: 2, revision: 1, type: 'TestBooked', attempts: 1 })
      t.notMatch(row!.error, /mia|muster|client/i)
      t.match(
        row!.error,
        { 'too-long': /SQLSTATE 54000/, unfit: /total.events is not/, throws: /Cannot book …/ }[as],
      )
      t.match(await runner.retry('s4'), { folded: 0, remaining: 2, error: row!.error })
      rig.poison.clear()
      t.match(await runner.retry('s4'), { folded: 2, remaining: 0 })
      t.ok(await rig.equalsRebuild())
      await runner.end()
    }
  },
)

t.test('a retry that fails later on keeps what it could fold, and the rest waits in order', async (t) => {
  for (const as of ['throws', 'too-long'] as const) {
    const rig = ledgerRig(t, pool, `partly-${as}`)
    const first = await rig.book('a', 0, 'throws')
    for (let amount = 1; amount < 6; amount++) await rig.book('a', amount, amount === 4 ? as : undefined)
    const runner = rig.run()
    await runner.caughtUp()
    t.equal((await rig.parked()).length, 6)
    rig.poison.delete(first)
    t.match(await runner.retry('a'), { folded: 4, remaining: 2, error: /./ })
    t.same(await rig.trails(), { a: '0 1 2 3' })
    t.same(await rig.parked(), [
      ['a', 4, 1, true],
      ['a', 5, 1, false],
    ])
    await runner.end()
  }
})

t.test('a skip takes the first event off, says who, when and why, and the rest is tried', async (t) => {
  const rig = ledgerRig(t, pool, 'skips')
  const { name } = rig.of
  await rig.book('a', 1)
  const bad = await rig.book('a', 2, 'throws')
  const next = await rig.book('a', 3)
  const runner = rig.run()
  await runner.caughtUp()
  const skip = { by: 'user u1', reason: 'booked twice', commandId: randomUUID(), eventId: null }
  t.equal(await runner.skip(name, 'book-none', skip), null)
  t.equal(await runner.skip('none', 'book-a', skip), null)
  t.equal(await runner.skip(name, 'book-a', { ...skip, eventId: next }), 'other')
  t.equal((await rig.parked()).length, 2, 'nothing was skipped so far')
  // The ledger takes no event but the next one, so the rest cannot be folded without the one that was skipped.
  const skipped = await runner.skip(name, 'book-a', { ...skip, eventId: bad })
  t.match(skipped, { skipped: { eventId: bad, revision: 1 }, folded: 0, remaining: 1, error: /Revision/ })
  t.match(await runner.skip(name, 'book-a', { ...skip, eventId: bad }), {
    skipped: { eventId: bad },
    remaining: 1,
  })
  const { rows } = await pool.query('select * from mailtrail.skipped_events where projection = $1', [name])
  t.match(rows, [
    { event_id: bad, skipped_by: 'user u1', reason: 'booked twice', skipped_at: String, error: /book/ },
  ])
  t.match(await runner.skip(name, 'book-a', { ...skip, commandId: randomUUID() }), {
    skipped: { eventId: next },
    folded: 0,
    remaining: 0,
    error: null,
  })
  t.same(await rig.trails(), { a: '1' })
  await rig.book('b', 1, 'throws')
  await runner.caughtUp()
  rig.poison.clear()
  await runner.retry('b')
  await rig.book('b', 2, 'throws')
  await runner.caughtUp()
  t.match(await runner.status(), { parked: { events: 1, late: 1 } })
  await clearParkedOf(rig.of)
  t.match(await runner.status(), { parked: { events: 0, streams: 0, late: 0 } }, 'tables made anew are clean')
  const kept = await pool.query('select from mailtrail.skipped_events where projection = $1', [name])
  t.equal(kept.rowCount, 2, 'what was skipped stays on record')
})

const clearParkedOf = async (of: { name: string; version: number }): Promise<void> => {
  const client = await pool.connect()
  await clearParked(client, of)
  client.release()
}

t.test(
  'retries and skips wait for whoever is at work on the read model, and see what was done',
  async (t) => {
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
  },
)

t.test('with too many parked streams it stands still before the next, and goes on once mended', async (t) => {
  const rig = ledgerRig(t, pool, 'limit')
  const streams = Array.from({ length: MAX_PARKED_STREAMS + 5 }, (_, nth) => `s${nth}`)
  for (const stream of streams) await rig.book(stream, 1, 'throws')
  for (const stream of streams) await rig.book(stream, 2)
  const first = rig.run({ pageSize: 30 })
  await until(async () => ((await first.status()).error?.attempts ?? 0) > 1, 'it tries again')
  const { error, parked, lagMs } = await first.status()
  t.match(error, { message: /^100 streams are parked already.*Cannot book/, event: { type: 'TestBooked' } })
  t.same(parked, { events: MAX_PARKED_STREAMS, streams: MAX_PARKED_STREAMS, late: 0 })
  t.ok(lagMs! > 0)
  rig.poison.clear()
  await first.caughtUp()
  t.match(await first.status(), { error: null, parked: { streams: MAX_PARKED_STREAMS } })
  await first.end()

  const second = rig.run()
  await until(async () => (await second.status()).parked.streams === 0, 'a start tries all of them')
  t.ok(await rig.equalsRebuild())
  await second.end()
})

t.test('tables that are filled anew start with nothing parked', async (t) => {
  const rig = ledgerRig(t, pool, 'anew')
  await rig.book('a', 1)
  await rig.book('a', 2, 'throws')
  await rig.book('a', 3)
  const first = rig.run()
  await first.caughtUp()
  await first.end()
  t.equal((await rig.parked()).length, 2)
  rig.poison.clear()
  await pool.query(`drop table ${schemaOf(rig.of)}.account`)
  const second = rig.run()
  await until(async () => (await second.status()).runningHere, 'it starts')
  await rig.book('a', 4)
  await second.caughtUp()
  t.same(await rig.parked(), [])
  t.same(await rig.trails(), { a: '1 2 3 4' })
})

t.test('an event that the log has no more can only be skipped', async (t) => {
  const rig = ledgerRig(t, pool, 'gone')
  await rig.book('a', 1, 'throws')
  await rig.book('b', 1)
  const readStream = async () => []
  const runner = rig.run({ store: { ...rig.store, readStream } })
  await runner.caughtUp()
  rig.poison.clear()
  t.match(await runner.retry('a'), { folded: 0, remaining: 1, error: 'The event is not in the log any more' })
  const skip = { by: 'user u1', reason: 'gone', commandId: randomUUID(), eventId: null }
  t.match(await runner.skip(rig.of.name, 'book-a', skip), { remaining: 0 })
  t.same(await rig.parked(), [])
})

t.test(
  'a database that is away poisons nothing: a connection lost at any statement changes no figure',
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
  'only what the database says of the data is poison: all else is tried again until it is done',
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

// Every request is granted, as if each lease had just run out: only generation and checkpoint are in the way.
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
  'two runners that both believe to own it, with retries from both, fold each event once, in order',
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
  'whatever is poisoned, retried and restarted: once mended and tried, tables equal a clean fold',
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
      // In order and without a hole: behind the first of a stream is each that came after it.
      for (const [name, revision] of waiting)
        assert.ok(
          revision === 0 ||
            waiting.some(([other, before]) => other === name && before === revision - 1) ||
            (await rig.trails())[name]?.split(' ').length === revision,
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
        numRuns: 25,
      },
    )
    t.ok(parkings > 0, `${parkings} events were parked`)
  },
)

t.test('the text of a fault says what went wrong and has no word of the data', async (t) => {
  const data = { subject: 'Invoice 4711', to: [{ address: 'mia@client.test' }], amount: 1234 }
  const text = (error: unknown) => faultText(error, { data })
  t.equal(text(new TypeError(`Cannot find mia@client.test.`)), 'TypeError: Cannot find …@….….')
  t.equal(text(new Error('Invoice 4711 has 1234 lines')), 'Error: … … has … lines')
  t.equal(text(new RangeError('x'.repeat(9999))).length, 500)
  t.equal(text('Invoice'), 'The fold threw something that is not an error')
  t.notMatch(text(new Error('\0 \ud800')), /[\0\ud800]/)
  try {
    JSON.parse('Invoice 4711 for all')
  } catch (error) {
    t.match(text(error), /^SyntaxError: /)
    t.notMatch(text(error), /Inv|4711/)
  }
})
