import { sql, type Kysely } from 'kysely'

/** What is delivered to webhook endpoints, and how far the log was read for each. */
export const up = async (db: Kysely<unknown>): Promise<void> => {
  await sql`
    create table mailtrail.webhook_cursor (
      endpoint_id text primary key,
      generation integer not null,
      position text collate "C",
      last text collate "C")`.execute(db)
  await sql`
    create table mailtrail.webhook_delivery (
      endpoint_id text not null,
      position text collate "C" not null,
      previous text collate "C",
      event_id uuid not null,
      type text not null,
      stream text not null,
      revision integer not null,
      status text not null,
      attempts integer not null,
      first_attempt_at timestamptz(3),
      last_attempt_at timestamptz(3),
      next_attempt_at timestamptz(3),
      answer integer,
      problem text,
      primary key (endpoint_id, position))`.execute(db)
  await sql`create unique index webhook_delivery_event on mailtrail.webhook_delivery (endpoint_id, event_id)`.execute(
    db,
  )
  await sql`
    create index webhook_delivery_waiting on mailtrail.webhook_delivery (endpoint_id, stream, position)
      where status = 'waiting'`.execute(db)
  await sql`
    create index webhook_delivery_ended on mailtrail.webhook_delivery (endpoint_id, last_attempt_at)
      where status <> 'waiting'`.execute(db)
}
