import { sql, type Kysely } from 'kysely'

/** Credentials of accounts, sealed under the account's data key, which is itself sealed under a key of the keyring. */
export const up = async (db: Kysely<unknown>): Promise<void> => {
  // The row stays when the key is destroyed, so that versions keep growing.
  await sql`
    create table mailtrail.credential_keys (
      account_id text collate "C" primary key,
      last_version integer not null,
      key_id text,
      wrapped_key bytea,
      check ((key_id is null) = (wrapped_key is null)))`.execute(db)
  await sql`create index on mailtrail.credential_keys (key_id)`.execute(db)

  await sql`
    create table mailtrail.credentials (
      account_id text collate "C" not null references mailtrail.credential_keys,
      version integer not null,
      sealed bytea not null,
      created_at timestamptz not null default now(),
      primary key (account_id, version))`.execute(db)
}
