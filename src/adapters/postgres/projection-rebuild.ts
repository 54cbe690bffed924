import { createHash, randomUUID } from 'node:crypto'
import type { Pool, PoolClient } from 'pg'
import type { EventStore, Page } from '../../commands/ports.ts'
import type { Position, RecordedEvent } from '../../domain/event.ts'
import { schemaOf, type AnyProjection } from '../../projections/projection.ts'
import { tableCells } from './projection-cells.ts'
import { checkpointKey, readCheckpoints } from './projection-checkpoints.ts'
import { foldPage } from './projection-page.ts'
import { cellsOf, createTables, quoted, readModelTables, selectOf } from './projection-tables.ts'
import { transaction } from './transaction.ts'

/** The rows of one table: how many, and the SHA-256 (hex) over all of them in the order of the key. */
export type TableDump = { readonly table: string; readonly rows: number; readonly hash: string }

export type TableComparison = {
  readonly projection: string
  readonly table: string
  readonly equal: boolean
  readonly liveRows: number
  readonly rebuiltRows: number
}

const REPLAY_PAGE_SIZE = 1_000
const DUMP_ROWS = 2_000

// Nothing here outlives the process that asked.
const BEGIN = 'begin; set local synchronous_commit = off'

/**
 * Folds the log from its start to `until` (inclusive) into a schema that must not be there yet, apart from
 * checkpoints and leases. An event that cannot be folded ends it with that error.
 */
export const rebuildInto = async (
  parts: { readonly store: EventStore; readonly pool: Pool },
  projection: AnyProjection,
  schema: string,
  until: Position | null,
  pageSize = REPLAY_PAGE_SIZE,
): Promise<void> => {
  const { store, pool } = parts
  const made = await transaction(pool, BEGIN, (client) => createTables(client, schema, projection.tables))
  if (!made) throw new Error(`There are tables in ${schema} already`)
  const tables = readModelTables(schema, projection.tables, false)
  const filter = { types: projection.events.map(({ type }) => type) }
  const apply = (events: readonly RecordedEvent[]) =>
    transaction(pool, BEGIN, async (client) => {
      const folded = await foldPage({ tables: tables.cells, fold: projection.fold }, events, (table, keys) =>
        tables.load(client, table, keys),
      )
      if (folded.failure) throw folded.failure.error
      for (const changes of folded.changes) await tables.write(client, changes)
    })
  if (until === null) return
  let after: Position | null = null
  while (after === null || after < until) {
    const page: Page = await store.readAll({ after, limit: pageSize, filter })
    const events = page.events.filter(({ position }) => position <= until)
    if (events.length > 0) await apply(events)
    if (page.atHead) return
    after = page.position
  }
}

/** One dump for each table of the projection in this schema, read row by row, within the client's transaction. */
export const dumpHash = async (
  client: PoolClient,
  projection: AnyProjection,
  schema: string,
): Promise<TableDump[]> => {
  const dumps: TableDump[] = []
  for (const [table, definition] of Object.entries(projection.tables)) {
    const cells = tableCells(table, definition)
    const order = definition.key.map((column) => `t.${quoted(column)}`).join(', ')
    await client.query(
      `declare dump no scroll cursor for select ${selectOf(cells)} from ${quoted(schema)}.${quoted(table)} as t order by ${order}`,
    )
    const hash = createHash('sha256')
    let rows = 0
    for (;;) {
      const page = await client.query<(string | null)[]>({
        text: `fetch ${DUMP_ROWS} from dump`,
        rowMode: 'array',
        types: { getTypeParser: () => (text: string) => text },
      })
      for (const row of page.rows) hash.update(`${JSON.stringify(cellsOf(cells, row))}\n`)
      rows += page.rows.length
      if (page.rows.length < DUMP_ROWS) break
    }
    await client.query('close dump')
    dumps.push({ table, rows, hash: hash.digest('hex') })
  }
  return dumps
}

/**
 * Replays the log into a schema of its own, up to where each live read model stands, and compares all rows of all
 * tables. May run while everything else does: live rows and checkpoint are read in one snapshot.
 * @throws Error where a read model has not been made yet
 */
export const readModelsEqualRebuild = async (parts: {
  readonly store: EventStore
  readonly pool: Pool
  readonly projections: readonly AnyProjection[]
}): Promise<TableComparison[]> => {
  const comparisons: TableComparison[] = []
  for (const projection of parts.projections) comparisons.push(...(await compare(parts, projection)))
  return comparisons
}

const SNAPSHOT = 'begin isolation level repeatable read, read only'

const compare = async (
  parts: { readonly store: EventStore; readonly pool: Pool },
  projection: AnyProjection,
): Promise<TableComparison[]> => {
  const key = checkpointKey(projection)
  const live = await transaction(parts.pool, SNAPSHOT, async (client) => {
    const checkpoints = await readCheckpoints(client)
    const position = checkpoints.get(key)
    if (position === undefined) throw new Error(`The read model ${key} has not been made yet`)
    return { position, dumps: await dumpHash(client, projection, schemaOf(projection)) }
  })
  const schema = `rebuild_${randomUUID().replaceAll('-', '')}`
  try {
    await rebuildInto(parts, projection, schema, live.position)
    const rebuilt = await transaction(parts.pool, SNAPSHOT, (client) => dumpHash(client, projection, schema))
    return live.dumps.map((dump, index) => ({
      projection: projection.name,
      table: dump.table,
      equal: dump.hash === rebuilt[index]!.hash,
      liveRows: dump.rows,
      rebuiltRows: rebuilt[index]!.rows,
    }))
  } finally {
    await parts.pool.query(`drop schema if exists ${quoted(schema)} cascade`)
  }
}
