import type { Pool } from 'pg'
import { schemaOf, type AnyProjection } from '../../../../projections/projection.ts'
import { transaction } from '../../../../std/transaction.ts'
import { createTables } from '../fold/tables.ts'
import { lockCheckpoint } from './checkpoints.ts'
import { clearParked } from './parked.ts'

const LOCK = 727_002

/**
 * Creates empty tables for read models that have none, so that they can be queried before the runner reaches them.
 * Several processes may do this at once.
 */
export const prepareReadModels = (pool: Pool, projections: readonly AnyProjection[]): Promise<void> =>
  transaction(pool, 'begin', async (client) => {
    await client.query('select pg_advisory_xact_lock($1)', [LOCK])
    for (const projection of projections) {
      // Locked before its tables are checked: a runner moves it in the transaction that writes them.
      await lockCheckpoint(client, projection)
      if (!(await createTables(client, schemaOf(projection), projection.tables))) continue
      // Empty tables are filled from the start, whatever was read into the lost ones; whoever filled those must claim
      // the checkpoint again.
      await client.query(
        'update mailtrail.checkpoints set position = null, generation = generation + 1 where projection = $1 and version = $2',
        [projection.name, projection.version],
      )
      await clearParked(client, projection)
    }
  })

/** @throws Error naming a read model whose tables do not exist */
export const requireReadModels = async (pool: Pool, projections: readonly AnyProjection[]): Promise<void> => {
  const { rows } = await pool.query<{ schema: string }>(
    'select schema from unnest($1::text[]) as schema where to_regnamespace(quote_ident(schema)) is null limit 1',
    [projections.map(schemaOf)],
  )
  if (rows[0]) throw new Error(`${rows[0].schema} has no tables`)
}
