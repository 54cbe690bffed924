import fc from 'fast-check'
import t, { type Test } from 'tap'
import { memoryEventStore } from '../../../../support/memory-event-store.ts'
import { rebuildReadModels } from '../../../../../src/adapters/postgres/projections/rebuild/rebuild.ts'
import { verifyReadModels } from '../../../../../src/adapters/postgres/projections/rebuild/verify.ts'
import { projections as productModels } from '../../../../../src/app/read-models.ts'
import type { EventStore } from '../../../../../src/commands/ports/event-log.ts'
import { schemaOf, type AnyProjection } from '../../../../../src/projections/projection.ts'
import { add, countingSite, Counted, logOf, named } from '../../../../support/counting-read-model.ts'
import { at } from '../../../../support/example-emails.ts'
import { sentEmail } from '../../../../support/sent-email.ts'
import { connected, synced } from '../../../../support/example-sync-events.ts'
import { runs } from '../../../../support/long-runs.ts'

t.test('comparing read models with the log', async (t) => {
  const { pool, made, isEqual } = await countingSite(t)

  const changes = runs(10, 30)
  /** Changes the rows that random events left in these tables, one by one, and checks what the comparison reports. */
  const tamper = async (t: Test, store: EventStore, projections: readonly AnyProjection[]) => {
    const places: { of: AnyProjection; name: string }[] = []
    for (const of of projections)
      for (const name of Object.keys(of.tables)) {
        const { rows } = await pool.query<{ n: number }>(
          `select count(*)::int as n from ${schemaOf(of)}.${name}`,
        )
        if (rows[0]!.n > 0) places.push({ of, name })
      }
    let found = 0
    const change = fc.record({
      place: fc.constantFrom(...places),
      kind: fc.constantFrom('update', 'delete', 'insert'),
      row: fc.nat(),
      column: fc.nat(),
    })
    await fc.assert(
      fc.asyncProperty(change, async ({ place: { of, name }, kind: wanted, row, column }) => {
        const { columns, key } = of.tables[name]!
        const others = Object.keys(columns).filter((each) => !key.includes(each))
        const kind = others.length === 0 && wanted === 'update' ? 'delete' : wanted
        const kept = `${schemaOf(of)}.${name}`
        await pool.query(`create table public.kept as table ${kept}`)
        const { rows } = await pool.query<{ ctid: string }>(`select ctid::text from ${kept} order by ctid`)
        const { ctid } = rows[row % rows.length]!
        const changed = others[column % others.length] ?? ''
        const other = (each: string) => OTHER[columns[each]!.sql]!(`"${each}"`)
        if (kind === 'update')
          await pool.query(`update ${kept} set "${changed}" = ${other(changed)} where ctid = $1`, [ctid])
        else if (kind === 'delete') await pool.query(`delete from ${kept} where ctid = $1`, [ctid])
        else {
          const values = Object.keys(columns).map((each) => (key.includes(each) ? other(each) : `"${each}"`))
          await pool.query(`insert into ${kept} select ${values.join(', ')} from ${kept} where ctid = $1`, [
            ctid,
          ])
        }
        const [verified] = await verifyReadModels({ store, pool }, [of])
        const differences = verified!.tables.flatMap((each) =>
          each.first.map((difference) => ({ table: each.table, ...difference })),
        )
        await pool.query(`truncate ${kept}; insert into ${kept} table public.kept; drop table public.kept`)
        const expected = { update: 'changed', delete: 'missing', insert: 'surplus' }[kind]
        const [one] = differences
        if (differences.length !== 1 || one!.table !== name || one!.kind !== expected)
          throw new Error(`${kind} in ${kept}: ${JSON.stringify(differences)}`)
        if (kind === 'update' && one!.columns.join() !== changed)
          throw new Error(`${one!.columns.join()} instead of ${changed}`)
        found++
      }),
      { numRuns: changes, seed: 1, endOnFailure: true },
    )
    t.comment(`${found} of ${changes} found, in ${places.length} tables`)
    t.equal(found, changes)
    for (const of of projections)
      t.ok(await isEqual(store, of), `${of.name}: no difference where nothing was changed`)
  }

  t.test(`each of ${changes} random changes to any column type is found`, async (t) => {
    const of = named('tampered')
    const store = await logOf(200)
    await made(t, store, of)
    await tamper(t, store, [of])
  })

  t.test(`each of ${changes} random changes to the product's read models is found`, async (t) => {
    const store = memoryEventStore()
    await add(store, connected())
    for (let n = 1; n <= 12; n++) {
      const email = sentEmail(n)
      const [sent, opened] = [email.sent(at(n)), email.open(at(100 + n))]
      for (const event of [email.queued, email.released(at(n)), sent, opened, email.click(at(200 + n))])
        await add(store, event)
      await add(store, synced(n))
    }
    await rebuildReadModels({ store, pool }, productModels)
    await tamper(t, store, productModels)
  })

  t.test('of many differences the first are listed, and all counted', async (t) => {
    const of = named('many')
    const store = await logOf(0)
    for (let n = 0; n < 1_200; n++) await add(store, Counted({ key: `key ${n}`, by: 1 }))
    await made(t, store, of)
    await pool.query(`delete from ${schemaOf(of)}.count where n = 1 and key < 'key 5'`)
    await pool.query(`update ${schemaOf(of)}.pair set n = 7`)
    const [verified] = await verifyReadModels({ store, pool, keep: 3 }, [of])
    const [count, total, pair] = verified!.tables
    const { missing, liveRows, rebuiltRows, first } = count!
    t.ok(missing > 400)
    t.same([liveRows, rebuiltRows, first.length], [1_200 - missing, 1_200, 3])
    t.ok(total!.equal)
    t.match(pair, { changed: 1_200, missing: 0, surplus: 0 })
    t.same(pair!.first[0], {
      kind: 'changed',
      key: { size: '5', key: 'key 0' },
      columns: ['n'],
      values: [{ live: '7', rebuilt: '1' }],
    })
  })
})

/** A different value for the column, by as small a difference as the type allows. */
const OTHER: Readonly<Record<string, (column: string) => string>> = {
  text: (column) => `coalesce(${column} || ' ', 'x')`,
  integer: (column) => `coalesce(${column}, 0) + 1000`,
  bigint: (column) => `coalesce(${column}, 0) + 1`,
  'double precision': (column) => `${column} + 1e-15 * greatest(abs(${column}), 1)`,
  boolean: (column) => `coalesce(not ${column}, true)`,
  timestamptz: (column) => `coalesce(${column}, '2026-01-01') + interval '1 microsecond'`,
  date: (column) => `coalesce(${column}, '2026-01-01') + 1`,
  jsonb: (column) => `jsonb_build_array(${column})`,
}
