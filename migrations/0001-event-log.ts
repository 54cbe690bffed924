import { sql, type Kysely } from 'kysely'

/**
 * The event log. Positions are dense, 1 to N in commit order: each is the last row's plus one, under a lock that is
 * released only after the commit is visible, so a rollback leaves no gap and no reader passes a row that appears later.
 * Columns are json and not jsonb, which keeps the bytes unchanged and allows U+0000.
 */
export const up = async (db: Kysely<unknown>): Promise<void> => {
  await sql`create schema es`.execute(db)
  await sql`
    create table es.store (
      only_row boolean primary key default true check (only_row),
      id uuid not null default gen_random_uuid(),
      created_at timestamptz not null default now())`.execute(db)
  await sql`insert into es.store default values`.execute(db)

  // A stream's id is the position of its first event.
  await sql`
    create table es.streams (
      stream_id bigint primary key,
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
  // The append function updates revisions.
  await sql`
    create trigger append_only before delete or truncate on es.streams
      for each statement execute function es.refuse_change()`.execute(db)

  await appendFunction.execute(db)
}

/**
 * Several appends to distinct streams in one transaction. Element n of `p_stream` and `p_expected` (-1: no stream) is
 * append n; the other arrays hold the events, each with the number of its append, in order. Returns one row per append:
 * `appended` and `repeated` carry the last revision and position, `conflict` and `duplicate` the stream's revision.
 *
 * The settings, and `offset 0`, force index lookups: the plan is made once per session, perhaps on empty tables.
 */
const appendFunction = sql`
  create function es.append(p_stream text[], p_expected bigint[],
      p_append int[], p_event_id uuid[], p_type text[], p_data text[], p_metadata text[])
    returns table (status text, revision bigint, "position" bigint)
    language plpgsql
    set search_path = es, pg_temp
    set plan_cache_mode = force_generic_plan
    set enable_seqscan = off
    set enable_hashjoin = off
    set enable_mergejoin = off
  as $$
  #variable_conflict use_column
  declare
    v_head bigint;
    v_now timestamptz;
    v_stream_id bigint;
    v_revision bigint;
  begin
    if current_setting('transaction_isolation') <> 'read committed' then
      raise exception 'es.append needs READ COMMITTED';
    end if;
    perform pg_advisory_xact_lock(727001);
    -- A separate statement, so that its snapshot is newer than the lock.
    select e.position, e.recorded_at into v_head, v_now from es.events e order by e.position desc limit 1;
    v_head := coalesce(v_head, 0);
    v_now := greatest(date_trunc('milliseconds', clock_timestamp()), v_now);
    if cardinality(p_stream) = 1 then
      select s.stream_id, s.revision into v_stream_id, v_revision from es.streams s where s.name = p_stream[1];
      v_stream_id := coalesce(v_stream_id, v_head + 1);
      v_revision := coalesce(v_revision, -1);
      -- If the revision matches, this append cannot be there already; an id from elsewhere is a unique violation.
      if v_revision = p_expected[1] then
        insert into es.events (position, stream_id, revision, event_id, recorded_at, type, data, metadata)
        select v_head + e.i, v_stream_id, v_revision + e.i, e.event_id, v_now, e.type, e.data::json, e.metadata::json
        from unnest(p_event_id, p_type, p_data, p_metadata) with ordinality as e(event_id, type, data, metadata, i);
        v_revision := v_revision + cardinality(p_event_id);
        insert into es.streams as s (stream_id, name, revision) values (v_stream_id, p_stream[1], v_revision)
        on conflict (name) do update set revision = excluded.revision;
        return query select 'appended', v_revision, v_head + cardinality(p_event_id);
        return;
      end if;
    end if;
    return query
    with event as (
      select e.*, p_stream[e.append] as stream, p_expected[e.append] as expected,
        row_number() over (partition by e.append order by e.i) as nth,
        s.stream_id, coalesce(s.revision, -1) as current,
        x.stream_id as old_stream, x.revision as old_revision, x.position as old_position
      from unnest(p_append, p_event_id) with ordinality as e(append, event_id, i)
      left join lateral (
        select t.stream_id, t.revision from es.streams t where t.name = p_stream[e.append] offset 0
      ) s on true
      left join lateral (
        select t.stream_id, t.revision, t.position from es.events t where t.event_id = e.event_id offset 0
      ) x on true),
    judged as (
      select *,
        case
          when bool_and(coalesce(old_stream = stream_id and old_revision = expected + nth, false)) over same
            then 'repeated'
          when count(old_position) over same > 0 then 'duplicate'
          when expected = current then 'appended'
          else 'conflict'
        end as status
      from event window same as (partition by append)),
    placed as materialized (
      select *, current + nth as revision,
        v_head + count(*) filter (where status = 'appended') over (order by i) as position
      from judged),
    made as (
      insert into es.streams (stream_id, name, revision)
      select min(position), stream, max(revision) from placed
      where status = 'appended' and stream_id is null group by stream),
    moved as (
      update es.streams s set revision = p.revision
      from (select stream_id, max(revision) as revision from placed where status = 'appended' group by stream_id) p
      where s.stream_id = p.stream_id),
    done as (
      insert into es.events (position, stream_id, revision, event_id, recorded_at, type, data, metadata)
      select position, coalesce(stream_id, min(position) over (partition by append)), revision,
        event_id, v_now, p_type[i], p_data[i]::json, p_metadata[i]::json
      from placed where status = 'appended')
    select status,
      case status when 'appended' then max(revision) when 'repeated' then max(old_revision) else max(current) end,
      case status when 'appended' then max(position) when 'repeated' then max(old_position) end
    from placed group by append, status order by append;
  end $$`
