import type { Column } from '../../src/projections/projection.ts'

// Types that a read model may have, and none of ours needs yet.
/** Whole numbers up to 2^53. */
export const bigint: Column<number> = { sql: 'bigint', nullable: false }
export const double: Column<number> = { sql: 'double precision', nullable: false }
/** A calendar day as `2026-01-31`. */
export const date: Column<string> = { sql: 'date', nullable: false }
