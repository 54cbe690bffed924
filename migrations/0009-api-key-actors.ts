import { sql, type Kysely } from 'kysely'

/** Who created an API key, and who revoked it, as the event log says; a key of before that was recorded has none. */
export const up = async (db: Kysely<unknown>): Promise<void> => {
  await sql`alter table mailtrail.api_keys add column created_by jsonb, add column revoked_by jsonb`.execute(
    db,
  )
}
