import { sql, type Kysely } from 'kysely'

/** When bytes were last put: what may not be referred to in the log yet is not erased. */
export const up = async (db: Kysely<unknown>): Promise<void> => {
  await sql`alter table mailtrail.blobs add column put_at timestamptz not null default now()`.execute(db)
}
