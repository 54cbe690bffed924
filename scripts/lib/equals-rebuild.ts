import type { Pool } from 'pg'
import { verifyReadModels } from '../../src/adapters/postgres/projections/rebuild/verify.ts'
import type { EventStore } from '../../src/commands/ports/event-log.ts'
import type { AnyProjection } from '../../src/projections/projection.ts'

type TableComparison = {
  readonly projection: string
  readonly table: string
  readonly equal: boolean
  readonly liveRows: number
  readonly rebuiltRows: number
}

/**
 * Summarises `verifyReadModels`, one line per table.
 * @throws Error if a read model does not exist yet
 */
export const readModelsEqualRebuild = async (deps: {
  readonly store: EventStore
  readonly pool: Pool
  readonly projections: readonly AnyProjection[]
}): Promise<TableComparison[]> => {
  const verified = await verifyReadModels(deps, deps.projections)
  return verified.flatMap(({ projection, stopped, tables }) => {
    if (stopped) throw stopped
    return tables.map(({ table, equal, liveRows, rebuiltRows }) => ({
      projection: projection.name,
      table,
      equal,
      liveRows,
      rebuiltRows,
    }))
  })
}
