import { sql, type Kysely } from 'kysely'

/** For lists of API keys: instants as precise as a cursor names them, and an index for each order. */
export const up = async (db: Kysely<unknown>): Promise<void> => {
  await sql`alter table mailtrail.api_keys alter column created_at type timestamptz(3)`.execute(db)
  await sql`create index api_keys_created on mailtrail.api_keys (created_at, id)`.execute(db)
  await sql`create index api_keys_name on mailtrail.api_keys (lower(name), id)`.execute(db)
  await sql`create index api_keys_user on mailtrail.api_keys (user_id, created_at, id) where user_id is not null`.execute(
    db,
  )
}
