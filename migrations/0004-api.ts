import { sql, type Kysely } from 'kysely'

/** API keys, stored only as hashes, and answers by Idempotency-Key. */
export const up = async (db: Kysely<unknown>): Promise<void> => {
  await sql`
    create table mailtrail.api_keys (
      id text primary key,
      name text not null,
      hash bytea not null,
      scopes text[] not null,
      user_id text,
      created_at timestamptz not null default now(),
      expires_at timestamptz,
      revoked_at timestamptz,
      last_used_at timestamptz)`.execute(db)
  await sql`
    create table mailtrail.idempotency_keys (
      key text primary key,
      fingerprint bytea not null,
      locked_until timestamptz,
      status integer,
      headers jsonb,
      body text,
      created_at timestamptz not null default now())`.execute(db)
  await sql`create index on mailtrail.idempotency_keys (created_at)`.execute(db)
}
