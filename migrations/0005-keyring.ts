import { sql, type Kysely } from 'kysely'

/** The id of the key that seals new secrets: a process whose keyring lacks it must not start. */
export const up = async (db: Kysely<unknown>): Promise<void> => {
  await sql`
    create table mailtrail.keyring (
      only_row boolean primary key default true check (only_row),
      key_id text not null)`.execute(db)
}
