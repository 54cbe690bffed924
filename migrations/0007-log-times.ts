import { sql, type Kysely } from 'kysely'

export const up = async (db: Kysely<unknown>): Promise<void> => {
  // Where a log ended at some instants: starting points for searches, for a store that has no index by time.
  await sql`
    create table mailtrail.log_times (
      store_id uuid not null,
      recorded_at timestamptz not null,
      position text collate "C" not null,
      primary key (store_id, recorded_at))`.execute(db)
}
