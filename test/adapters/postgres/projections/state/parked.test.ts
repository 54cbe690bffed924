import { randomUUID } from 'node:crypto'
import t from 'tap'
import { migrate } from '../../../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../../../src/adapters/postgres/pool.ts'
import { faultText } from '../../../../../src/adapters/postgres/projections/fold/faults.ts'
import {
  clearParked,
  MAX_PARKED_STREAMS,
} from '../../../../../src/adapters/postgres/projections/state/parked.ts'
import { schemaOf } from '../../../../../src/projections/projection.ts'
import { ledgerRig, until } from '../../../../support/ledger-read-model.ts'
import { testDatabase } from '../../../../support/test-database.ts'

const config = await testDatabase(t)
const pool = createPool({ ...config, max: 20 })
t.teardown(() => pool.end())
await migrate(pool)

t.test('an event that cannot be folded parks its stream in order, and the others continue', async (t) => {
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
      'events folded out of order are counted',
    )
    t.same(await rig.trails(), { a: '1 2 4 5', b: '1 2 3 4 5 6 7', c: '1 2 4 5 6' })
    t.same(await rig.parked(), [])
    t.ok(await rig.equalsRebuild())
    await runner.end()
  }
})

t.test(
  'an event that the database refuses, or that fits no column, is parked alone, without any of its data',
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

t.test(
  'a retry that fails partway keeps what it could fold, and the rest stays parked in order',
  async (t) => {
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
  },
)

t.test('a skip removes the first event, recording who, when and why, and the rest is retried', async (t) => {
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
  // The ledger accepts only the next event, so the rest cannot be folded without the one that was skipped.
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
  t.ok(await rig.equalsRebuild(), 'a rebuild goes without them too')
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
  t.equal(kept.rowCount, 2, 'skipped events stay recorded')

  await runner.end()
  rig.poison.clear()
  await pool.query(`drop table ${schemaOf(rig.of)}.account`)
  const again = rig.run()
  await until(async () => (await again.status()).runningHere, 'it starts')
  await rig.book('c', 1)
  await again.caughtUp()
  t.same(await rig.trails(), { a: '1', b: '1 2', c: '1' }, 'nor do tables that are filled again have them')
  t.same(await rig.parked(), [])
})

const clearParkedOf = async (of: { name: string; version: number }): Promise<void> => {
  const client = await pool.connect()
  await clearParked(client, of)
  client.release()
}

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

t.test('tables that are filled again start with nothing parked', async (t) => {
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

t.test('an event that the log no longer has can only be skipped', async (t) => {
  const rig = ledgerRig(t, pool, 'gone')
  await rig.book('a', 1, 'throws')
  await rig.book('b', 1)
  const readStream = async () => []
  const runner = rig.run({ store: { ...rig.store, readStream } })
  await runner.caughtUp()
  rig.poison.clear()
  t.match(await runner.retry('a'), { folded: 0, remaining: 1, error: 'The event is no longer in the log' })
  const skip = { by: 'user u1', reason: 'gone', commandId: randomUUID(), eventId: null }
  t.match(await runner.skip(rig.of.name, 'book-a', skip), { remaining: 0 })
  t.same(await rig.parked(), [])
})

t.test('the text of a fault says what went wrong and contains none of the data', async (t) => {
  const data = { subject: 'Invoice 4711', to: [{ address: 'mia@client.test' }], amount: 1234 }
  const text = (error: unknown) => faultText(error, { data })
  t.equal(text(new TypeError(`Cannot find mia@client.test.`)), 'TypeError: Cannot find …@….….')
  t.equal(text(new Error('Invoice 4711 has 1234 lines')), 'Error: … … has … lines')
  t.equal(text(new RangeError('x'.repeat(9999))).length, 500)
  t.equal(text('Invoice'), 'The fold threw a value that is not an Error')
  t.notMatch(text(new Error('\0 \ud800')), /[\0\ud800]/)
  try {
    JSON.parse('Invoice 4711 for all')
  } catch (error) {
    t.match(text(error), /^SyntaxError: /)
    t.notMatch(text(error), /Inv|4711/)
  }
})
