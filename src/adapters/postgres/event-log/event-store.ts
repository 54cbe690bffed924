import type pg from 'pg'
import {
  ForeignPosition,
  type EventFilter,
  type EventStore,
  type Page,
} from '../../../commands/ports/event-log.ts'
import type { EventMetadata, Position, RecordedEvent } from '../../../domain/event.ts'
import { appender } from './appender.ts'
import { readTogether } from '../../../std/in-groups.ts'
import { pause } from '../../../std/pause.ts'
import { isConnectionLoss } from '../pool.ts'
import { wakeUp } from './wake-up.ts'

/** How many positions a page may scan for events that match its filter. */
const SEARCH_WINDOW = 16_384
const RETRY_AFTER_MS = 500
/** Streams of one answer. */
const MAX_STREAMS = 50

/**
 * `pollMs`: how often a subscription at the head polls when it is not notified. `onError`: called with errors that were
 * recovered from.
 */
export type EventStoreOptions = { readonly pollMs?: number; readonly onError?: (error: Error) => void }

/**
 * The event log in schema `es`. Positions are dense and in commit order, so everything up to a position is immutable:
 * see migrations/0001-event-log.ts. The pool comes from `createPool`, on a migrated database, and still belongs to the
 * caller.
 */
export const postgresEventStore = (
  pool: pg.Pool,
  { pollMs = 500, onError = () => {} }: EventStoreOptions = {},
): EventStore => {
  const closing = new AbortController()
  const wake = wakeUp(pool, onError)
  const appends = appender(pool, wake.notify)
  const stretches = readTogether((asked: readonly Stretch[]) => readStretches(pool, asked), MAX_STREAMS)

  const follow = async function* (options: Parameters<EventStore['subscribe']>[0]): AsyncGenerator<Page> {
    const signal = AbortSignal.any([options.signal, closing.signal])
    let { after } = options
    let first = true
    while (!signal.aborted) {
      const woken = wake.count()
      const page = await readAll(pool, { ...options, after }).catch((error: unknown) => {
        if (!(error instanceof Error) || !isConnectionLoss(error)) throw error
        onError(error)
      })
      if (signal.aborted) return
      if (page === undefined) await pause(RETRY_AFTER_MS, signal)
      else {
        if (first || page.position !== after) yield page
        first = false
        after = page.position
        if (page.atHead) await wake.wait(woken, { ms: pollMs, signal })
      }
    }
  }

  return {
    append: async (request) => {
      const { revision, position, repeated } = await appends.append(request)
      return { revision, position: positionOf(position), repeated }
    },
    readStream: (stream, { after = -1, limit } = {}) => stretches({ stream, after, limit: limit ?? null }),
    readAll: (options) => readAll(pool, options),
    subscribe: follow,
    head: async () => {
      const { rows } = await pool.query<{ head: number | null }>(
        'select max(position) as head from es.events',
      )
      const head = rows[0]?.head ?? null
      return head === null ? null : positionOf(head)
    },
    newest: async () => {
      const { rows } = await pool.query<{ position: number; recordedAt: string }>(
        'select position, recorded_at as "recordedAt" from es.events order by position desc limit 1',
      )
      const [last] = rows
      return last ? { position: positionOf(last.position), recordedAt: last.recordedAt } : null
    },
    isPosition: (text): text is Position => FORM.test(text),
    positionAt: async (instant) => {
      const { rows } = await pool.query<{ position: number | null }>(POSITION_AT, [instant])
      const position = rows[0]?.position ?? null
      return position === null ? null : positionOf(position)
    },
    extent: (position) => ({ unit: 'events', amount: position === null ? 0 : numberOf(position) }),
    storeId: async () => {
      const { rows } = await pool.query<{ id: string }>('select id from es.store')
      if (!rows[0]) throw new Error('The event log has no identity')
      return rows[0].id
    },
    close: async () => {
      closing.abort()
      await appends.close()
      await wake.close()
    },
  }
}

type Row = {
  readonly position: number
  readonly stream: string
  readonly revision: number
  readonly id: string
  readonly recorded_at: string
  readonly type: string
  readonly data: unknown
  readonly metadata: EventMetadata
}

/** `offset 0` keeps the planner from scanning the whole streams table for one page. */
const SELECT_EVENTS = `
  select e.position, s.name as stream, e.revision, e.event_id as id, e.recorded_at, e.type, e.data, e.metadata
  from es.events e
  cross join lateral (select s.name from es.streams s where s.stream_id = e.stream_id offset 0) s`

/** A part of a stream: events above revision `after`, at most `limit`. */
type Stretch = { readonly stream: string; readonly after: number; readonly limit: number | null }

const READ_STRETCHES = `
  select k.place, e.position, k.stream, e.revision, e.event_id as id, e.recorded_at, e.type, e.data, e.metadata
  from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as k(stream, after, most, place)
  cross join lateral (
    select * from es.events
    where stream_id = (select stream_id from es.streams where name = k.stream) and revision > k.after
    order by revision limit k.most) e`

const readStretches = async (pool: pg.Pool, asked: readonly Stretch[]): Promise<RecordedEvent[][]> => {
  const values = [
    asked.map(({ stream }) => stream),
    asked.map(({ after }) => after),
    asked.map(({ limit }) => limit),
  ]
  const { rows } = await pool.query<Row & { readonly place: number }>({
    name: 'es.read-streams',
    text: READ_STRETCHES,
    values,
  })
  const found: RecordedEvent[][] = asked.map(() => [])
  for (const row of rows.toSorted((a, b) => a.revision - b.revision))
    found[row.place - 1]!.push(recorded(row))
  return found
}

/**
 * Times never decrease with the position, so binary search works: about 30 index lookups at most. Times are in
 * milliseconds, and compared as such.
 */
const POSITION_AT = `
  with recursive bounds as (
    select 0::bigint as low, coalesce(max(position), 0) as high from es.events
    union all
    select case when told then middle else low end, case when told then high else middle - 1 end
    from bounds, lateral (select (low + high + 1) / 2 as middle) m,
      lateral (select date_trunc('milliseconds', recorded_at) <= $1::timestamptz as told
        from es.events where position = middle) e
    where low < high)
  select nullif(low, 0) as position from bounds where low = high`

/** One statement, hence one snapshot: the head beside the events says how far the scan went. */
const readAll = async (
  pool: pg.Pool,
  { after, limit, filter = {} }: { after: Position | null; limit: number; filter?: EventFilter },
): Promise<Page> => {
  const { types, streamPrefix } = filter
  const from = after === null ? 0 : numberOf(after)
  const to = from + (types || streamPrefix ? Math.max(limit, SEARCH_WINDOW) : limit)
  const { rows } = await pool.query<(Row | { readonly position: null }) & { readonly head: number }>(
    `select h.head, e.*
    from (select coalesce(max(position), 0) as head from es.events) h
    left join lateral (${SELECT_EVENTS}
      where e.position > $1 and e.position <= $2
        and ($4::text[] is null or e.type = any($4)) and ($5::text is null or s.name ^@ $5)
      order by e.position limit $3) e on true`,
    [from, to, limit, types ?? null, streamPrefix ?? null],
  )
  const head = rows[0]?.head ?? 0
  // The join guarantees no order; sorting here saves the server from copying every row.
  const found = rows.filter((row) => row.position !== null).toSorted((a, b) => a.position - b.position)
  const last = found.length === limit ? found.at(-1) : undefined
  const position = last?.position ?? Math.max(from, Math.min(to, head))
  return { events: found.map(recorded), position: positionOf(position), atHead: position >= head }
}

const recorded = (row: Row): RecordedEvent => ({
  type: row.type,
  data: row.data,
  id: row.id,
  stream: row.stream,
  revision: row.revision,
  position: positionOf(row.position),
  recordedAt: row.recorded_at,
  metadata: row.metadata,
})

const positionOf = (number: number): Position => `p:${String(number).padStart(20, '0')}` as Position

const FORM = /^p:(\d{20})$/

const numberOf = (position: Position): number => {
  const [, digits] = FORM.exec(position) ?? []
  if (digits === undefined) throw new ForeignPosition()
  return Number(digits)
}
