import { sql, type Kysely } from 'kysely'

/** The log that belongs to this database: a process with another one must not start. */
export const up = async (db: Kysely<unknown>): Promise<void> => {
  await sql`
    create table mailtrail.event_log (
      only_row boolean primary key default true check (only_row),
      store_id uuid not null)`.execute(db)
}
