import { postgresLeases as realLeases } from '../../../src/adapters/postgres/leases.ts'

export const postgresLeases: typeof realLeases = (pool, options) =>
  realLeases(pool, { ...options, termMs: 60_000 })
