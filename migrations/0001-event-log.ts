import { sql, type Kysely } from 'kysely'

/**
 * The log. Positions are dense, 1 to N in commit order: each is "the last row's plus one" under a lock that is
 * released only after the commit is visible, so nothing rolled back leaves a hole and no reader passes a row that
 * appears later. Columns are json and not jsonb: bytes stay as they were, and U+0000 is allowed.
 */
export const up = async (db: Kysely<unknown>): Promise<void> => {
  await sql`create schema es`.execute(db)
  await sql`
    create table es.store (
      only_row boolean primary key default true check (only_row),
      id uuid not null default gen_random_uuid(),
      created_at timestamptz not null default now())`.execute(db)
  await sql`insert into es.store default values`.execute(db)

  await sql`
    create table es.streams (
      stream_id bigint generated always as identity primary key,
      name text collate "C" not null unique,
      revision bigint not null
    ) with (fillfactor = 80)`.execute(db)

  await sql`
    create table es.events (
      position bigint primary key,
      stream_id bigint not null,
      revision bigint not null,
      event_id uuid not null unique,
      recorded_at timestamptz not null,
      type text collate "C" not null,
      data json not null,
      metadata json not null,
      unique (stream_id, revision))`.execute(db)
  await sql`create index on es.events using brin (recorded_at) with (pages_per_range = 32)`.execute(db)

  await sql`
    create function es.refuse_change() returns trigger language plpgsql as $$
    begin
      raise exception 'The event log is append-only: % of %.% is refused', tg_op, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
    end $$`.execute(db)
  await sql`
    create trigger append_only before update or delete or truncate on es.events
      for each statement execute function es.refuse_change()`.execute(db)
  await sql`
    create trigger append_only before update or delete or truncate on es.store
      for each statement execute function es.refuse_change()`.execute(db)
  // The append function moves revisions on.
  await sql`
    create trigger append_only before delete or truncate on es.streams
      for each statement execute function es.refuse_change()`.execute(db)

  await appendFunction.execute(db)
}

/**
 * Several appends to distinct streams in one transaction. Element n of `p_stream` and `p_expected` (-1: no stream) is
 * append n; the other arrays hold the events, each with the number of its append, in order. One row an append:
 * `appended` and `repeated` carry the last revision and position, `conflict` the stream's revision, `duplicate` none.
 *
 * The settings and `offset 0` keep the plan at index look-ups: it is made once a session, perhaps on empty tables.
 */
const appendFunction = sql`
  create function es.append(p_stream text[], p_expected bigint[],
      p_append int[], p_event_id uuid[], p_type text[], p_data text[], p_metadata text[])
    returns table (status text, revision bigint, "position" bigint)
    language plpgsql
    set search_path = es, pg_temp
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
  as $$
  #variable_conflict use_column
  declare
    v_head bigint;
    v_now timestamptz;
  begin
    if current_setting('transaction_isolation') <> 'read committed' then
      raise exception 'es.append needs READ COMMITTED';
    end if;
    perform pg_advisory_xact_lock(727001);
    -- A statement of its own, so that its snapshot is younger than the lock.
    select e.position, e.recorded_at into v_head, v_now from es.events e order by e.position desc limit 1;
    v_head := coalesce(v_head, 0);
    v_now := greatest(date_trunc('milliseconds', clock_timestamp()), v_now);
    return query
    with event as materialized (
      select e.*, x.stream_id as old_stream, x.revision as old_revision, x.position as old_position
      from unnest(p_append, p_event_id, p_type, p_data, p_metadata)
        with ordinality as e(append, event_id, type, data, metadata, i)
      left join lateral (
        select old.stream_id, old.revision, old.position from es.events old where old.event_id = e.event_id offset 0
      ) x on true),
    append as (
      select append, count(*) as size, min(i) as first, count(old_position) as old,
        min(old_stream) as old_stream, min(old_stream) = max(old_stream) as one_stream,
        min(old_revision - i) as old_shift, min(old_revision - i) = max(old_revision - i) as in_order,
        max(old_revision) as old_revision, max(old_position) as old_position
      from event group by append),
    request as materialized (
      select a.ord, a.stream, s.stream_id, coalesce(s.revision, -1) as revision, e.size, e.first,
        e.old_revision, e.old_position,
        case
          when e.old = e.size and e.one_stream and e.old_stream = s.stream_id
            and e.in_order and e.old_shift + e.first = a.expected + 1 then 'repeated'
          when e.old > 0 then 'duplicate'
          when a.expected = coalesce(s.revision, -1) then 'appended'
          else 'conflict'
        end as status
      from unnest(p_stream, p_expected) with ordinality as a(stream, expected, ord)
      join append e on e.append = a.ord
      left join lateral (
        select found.stream_id, found.revision from es.streams found where found.name = a.stream offset 0
      ) s on true),
    moved as (
      update es.streams s set revision = r.revision + r.size
      from request r where r.status = 'appended' and s.stream_id = r.stream_id
      returning s.stream_id, s.name),
    made as (
      insert into es.streams (name, revision)
      select r.stream, r.size - 1 from request r where r.status = 'appended' and r.stream_id is null
      returning stream_id, name),
    target as (select * from moved union all select * from made),
    done as (
      insert into es.events (position, stream_id, revision, event_id, recorded_at, type, data, metadata)
      select v_head + row_number() over (order by e.i), t.stream_id, r.revision + 1 + e.i - r.first,
        e.event_id, v_now, e.type, e.data::json, e.metadata::json
      from request r
      join target t on t.name = r.stream
      join event e on e.append = r.ord
      where r.status = 'appended'
      returning stream_id, revision, position),
    last as (
      select t.name, max(d.revision) as revision, max(d.position) as position
      from done d join target t using (stream_id) group by t.name)
    select r.status,
      case r.status when 'appended' then last.revision when 'repeated' then r.old_revision else r.revision end,
      case r.status when 'appended' then last.position when 'repeated' then r.old_position end
    from request r left join last on last.name = r.stream
    order by r.ord;
  end $$`
