import { sql, type Kysely } from 'kysely'

/** Events that a read model could not take in, later events of their streams, and events that were skipped. */
export const up = async (db: Kysely<unknown>): Promise<void> => {
  // The key gives the order of a stream's events. `error` is null for those that wait behind another.
  await sql`
    create table mailtrail.parked_events (
      projection text not null,
      version integer not null,
      stream text collate "C" not null,
      position text collate "C" not null,
      revision bigint not null,
      event_id text not null,
      type text not null,
      error text,
      attempts integer not null,
      parked_at timestamptz not null default now(),
      primary key (projection, version, stream, position))`.execute(db)

  // Number of events folded after a retry, out of order, since the tables were last filled.
  await sql`alter table mailtrail.checkpoints add column folded_late integer not null default 0`.execute(db)

  // Who decided to skip an event, and why: kept for good. One command skips one event, once.
  await sql`
    create table mailtrail.skipped_events (
      id bigint generated always as identity primary key,
      projection text not null,
      version integer not null,
      stream text not null,
      position text not null,
      revision bigint not null,
      event_id text not null,
      type text not null,
      error text,
      attempts integer not null,
      parked_at timestamptz not null,
      skipped_at timestamptz not null default now(),
      skipped_by text not null,
      reason text not null,
      command_id text not null unique)`.execute(db)
}
