import { sql, type Kysely } from 'kysely'

export const up = async (db: Kysely<unknown>): Promise<void> => {
  // How far each version of a read model has read which log; null before its first page.
  await sql`
    create table mailtrail.checkpoints (
      projection text not null,
      version integer not null,
      store_id uuid not null,
      position text collate "C",
      generation bigint not null default 0,
      updated_at timestamptz not null default now(),
      primary key (projection, version))`.execute(db)

  await sql`
    create table mailtrail.leases (
      name text primary key,
      owner text not null,
      generation bigint not null,
      expires_at timestamptz not null)`.execute(db)

  // Bytes by their SHA-256. Mail is mostly compressed or encoded already, so TOAST need not compress it.
  await sql`
    create table mailtrail.blobs (
      hash bytea primary key check (length(hash) = 32),
      size integer not null,
      content bytea not null,
      created_at timestamptz not null default now())`.execute(db)
  await sql`alter table mailtrail.blobs alter column content set storage external`.execute(db)
}
