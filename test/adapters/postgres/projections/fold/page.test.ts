import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Kysely } from 'kysely'
import type { Pool } from 'pg'
import t from 'tap'
import { z } from 'zod'
import { tableCells } from '../../../../../src/adapters/postgres/projections/fold/cells.ts'
import { createDraft, readModelTables } from '../../../../../src/adapters/postgres/projections/fold/tables.ts'
import { fillTables, type Filling } from '../../../../../src/adapters/postgres/projections/rebuild/fill.ts'
import { BEGIN_FILLING, fillDeps } from '../../../../../src/adapters/postgres/projections/rebuild/shadow.ts'
import type { EventStore } from '../../../../../src/commands/ports/event-log.ts'
import { defineEvent, type Json, type Position } from '../../../../../src/domain/event.ts'
import {
  boolean,
  integer,
  json,
  nullable,
  projection,
  table,
  text,
  timestamp,
  type AnyProjection,
} from '../../../../../src/projections/projection.ts'
import { bigint, date, double } from '../../../../support/rare-columns.ts'
import { transaction } from '../../../../../src/std/transaction.ts'
import { anyCharacter } from '../../../../support/any-character.ts'
import { foldEvents, recordedEvents } from '../../../../support/fold-events.ts'
import { runs } from '../../../../support/long-runs.ts'
import { anyEvent, anyText, logOf, mailbox, mailboxRig } from '../../../../support/mailbox-read-model.ts'

/**
 * Folds the log from its start to `until` (inclusive) into a new schema, without checkpoints and leases.
 * @throws RebuildStopped at an event that cannot be folded
 */
const rebuildInto = async (
  deps: { readonly store: EventStore; readonly pool: Pool },
  projection: AnyProjection,
  schema: string,
  until: Position | null,
  pageSize = 1_000,
): Promise<void> => {
  await transaction(deps.pool, BEGIN_FILLING, (client) => createDraft(client, schema, projection.tables))
  const tables = readModelTables(schema, projection.tables, false)
  const of: Filling = { projection, tables, skipped: new Set(), position: null, until, stopped: null }
  await fillTables(fillDeps({ ...deps, pageSize }), [of])
  if (of.stopped) throw of.stopped
}

const { pool, db, rowsIn } = await mailboxRig(t)

t.test(
  'pages of one, of three and of a thousand give the same rows, and the same as in memory',
  async (t) => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 40 }), async (events) => {
        const store = await logOf(events)
        const expected = await foldEvents(mailbox, recordedEvents(events))
        for (const pageSize of [1, 3, 1000]) {
          const schema = `law_${++run}`
          await rebuildInto({ store, pool }, mailbox, schema, await store.head(), pageSize)
          assert.deepEqual(await rowsIn(schema), expected, `pages of ${pageSize}`)
          await pool.query(`drop schema ${schema} cascade`)
        }
      }),
      { numRuns: runs(12, 25) },
    )
    t.pass()
  },
)

t.test('any value that fits its column comes back as it was folded', async (t) => {
  const instants = fc.date({
    min: new Date('0001-01-01'),
    max: new Date('9999-12-31'),
    noInvalidDate: true,
  })
  const anyRow = fc.record({
    id: anyText,
    number: fc.maxSafeInteger(),
    double: fc.double({ noNaN: true, noDefaultInfinity: true }),
    at: instants.map((at) => at.toISOString()),
    day: instants.map((at) => at.toISOString().slice(0, 10)),
    flag: fc.boolean(),
    value: fc.oneof(
      fc.jsonValue({ stringUnit: anyCharacter }),
      fc.constantFrom(1e21, 1e-7, 5e-324, -0, 1.7e308),
    ),
    maybe: fc.option(fc.jsonValue()),
  })
  const Put = defineEvent('TestPut', z.array(z.unknown()))
  const columns = {
    id: text,
    number: bigint,
    double,
    at: timestamp,
    day: date,
    flag: boolean,
    value: json<Json>(),
    maybe: nullable(json<Json>()),
  }
  const of = projection({
    name: 'test-values',
    version: 1,
    tables: { row: table({ columns, key: ['id', 'number', 'double', 'at', 'day', 'flag'] }) },
    events: [Put],
    fold: (event, rows) => {
      for (const row of event.data) rows.put('row', row as Parameters<typeof rows.put>[1])
    },
  })
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(anyRow, { minLength: 20, maxLength: 40 }), async (values) => {
      const schema = `values_${++run}`
      const store = await logOf([Put(values)])
      await rebuildInto({ store, pool }, of, schema, await store.head())
      const kysely = db.withSchema(schema) as unknown as Kysely<{ row: object }>
      const rows = await kysely.selectFrom('row').selectAll().execute()
      const expected = (await foldEvents(of, recordedEvents([Put(values)]))).row
      const inOrder = (some: readonly object[]) => some.map((row) => JSON.stringify(row)).toSorted()
      assert.deepEqual(inOrder(rows), inOrder(expected))
      await pool.query(`drop schema ${schema} cascade`)
    }),
    { numRuns: runs(6, 10) },
  )
  t.pass()
})

t.test('instants and days are normalised', async (t) => {
  const columns = { id: integer, at: timestamp, day: date }
  const cells = tableCells('edge', table({ columns, key: ['id'] }))
  const stored = (at: string, day: string) => cells.toCells({ id: 1, at, day }).slice(1)
  t.same(stored('2026-01-31T01:00:00.123456+02:00', '2024-02-29'), ['2026-01-30T23:00:00.123Z', '2024-02-29'])
  t.same(stored('0000-01-01T00:00:00Z', '0000-02-29'), ['0001-01-01T00:00:00.000Z', '0001-01-01'])
  for (const at of ['2026-01-31', 'Jan 31 2026', '2026-13-01T00:00:00Z', '2026-01-31T00:00:00'])
    t.throws(() => stored(at, '2026-01-31'), { message: 'edge.at is not an instant' })
  for (const day of ['2026-02-29', '2026-1-1', '20260101', '2026-01-31T00:00:00Z'])
    t.throws(() => stored('2026-01-31T00:00:00Z', day), { message: 'edge.day is not a day' })
})
