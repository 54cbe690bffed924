import type pg from 'pg'
import type { Delivery, EndpointCursor, WebhookDeliveries } from '../../commands/ports/webhooks.ts'
import { transaction } from '../../std/transaction.ts'

const COLUMNS = `endpoint_id as "endpointId", event_id as "eventId", type, stream, revision, position,
  previous as "previousPosition", status, attempts, first_attempt_at as "firstAttemptAt",
  last_attempt_at as "lastAttemptAt", next_attempt_at as "nextAttemptAt", answer, problem`

const WITH_WORK = `
  select id from unnest($1::text[], $2::int[]) as endpoint(id, generation)
  where not exists (select from mailtrail.webhook_cursor c
      where c.endpoint_id = id and c.generation = endpoint.generation and c.position >= $3)
    or exists (select from (
        select distinct on (stream) next_attempt_at from mailtrail.webhook_delivery
        where endpoint_id = id and status = 'waiting' order by stream, position) as first
      where next_attempt_at <= $4)`

const MOVE = `
  update mailtrail.webhook_cursor set generation = $2, position = $3, last = $4
  where endpoint_id = $1 and generation = $5 and position is not distinct from $6`
const BEGIN = `
  insert into mailtrail.webhook_cursor (endpoint_id, generation, position, last) values ($1, $2, $3, $4)
  on conflict do nothing`

const ADD = `
  insert into mailtrail.webhook_delivery (endpoint_id, position, previous, event_id, type, stream, revision, status,
    attempts, next_attempt_at)
  select $1, position, previous, event_id, type, stream, revision, 'waiting', 0, $2
  from unnest($3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::int[])
    as added(position, previous, event_id, type, stream, revision)
  on conflict (endpoint_id, position) do update
    set status = 'waiting', previous = excluded.previous, attempts = 0, first_attempt_at = null,
      next_attempt_at = excluded.next_attempt_at`

const DUE = `
  select * from (
    select distinct on (stream) ${COLUMNS} from mailtrail.webhook_delivery
    where endpoint_id = $1 and status = 'waiting' and stream <> all ($3::text[])
    order by stream, position) as first
  where "nextAttemptAt" <= $2 order by position limit $4`

const ATTEMPTED = `
  update mailtrail.webhook_delivery
  set status = $3, attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, $4), last_attempt_at = $4,
    next_attempt_at = $5, answer = $6, problem = $7
  where endpoint_id = $1 and position = $2`

const AGAIN = `status = 'waiting', attempts = 0, first_attempt_at = null, next_attempt_at = $2`

/** Deliveries in `mailtrail.webhook_delivery`, and cursors in `mailtrail.webhook_cursor`. */
export const postgresWebhookDeliveries = (pool: pg.Pool): WebhookDeliveries => {
  const deliveries = async (text: string, values: unknown[]): Promise<Delivery[]> =>
    (await pool.query<Delivery>(text, values)).rows
  return {
    withWork: async (endpoints, head, now) => {
      const ids = endpoints.map(({ endpointId }) => endpointId)
      const generations = endpoints.map(({ generation }) => generation)
      const { rows } = await pool.query<{ id: string }>(WITH_WORK, [ids, generations, head, now])
      return rows.map(({ id }) => id)
    },
    cursor: async (endpointId) => {
      const { rows } = await pool.query<EndpointCursor>(
        'select generation, position, last from mailtrail.webhook_cursor where endpoint_id = $1',
        [endpointId],
      )
      return rows[0] ?? null
    },
    add: (endpointId, { from, to }, added, now) =>
      transaction(pool, 'begin', async (client) => {
        const cursor = [endpointId, to.generation, to.position, to.last]
        const { rowCount } =
          from === null
            ? await client.query(BEGIN, cursor)
            : await client.query(MOVE, [...cursor, from.generation, from.position])
        if (rowCount === 0 || added.length === 0) return
        await client.query(ADD, [
          endpointId,
          now,
          added.map(({ position }) => position),
          added.map(({ previousPosition }) => previousPosition),
          added.map(({ eventId }) => eventId),
          added.map(({ type }) => type),
          added.map(({ stream }) => stream),
          added.map(({ revision }) => revision),
        ])
      }),
    countWaiting: async (endpointId) => {
      const { rows } = await pool.query<{ count: number }>(
        `select count(*)::int as count from mailtrail.webhook_delivery where endpoint_id = $1 and status = 'waiting'`,
        [endpointId],
      )
      return rows[0]?.count ?? 0
    },
    due: (endpointId, now, except, limit) => deliveries(DUE, [endpointId, now, except, limit]),
    attempted: async ({ endpointId, position }, { status, at, nextAt, answer, problem }) => {
      await pool.query(ATTEMPTED, [endpointId, position, status, at, nextAt, answer, problem])
    },
    succeededSince: async (endpointId, since) => {
      const { rows } = await pool.query(
        `select from mailtrail.webhook_delivery
         where endpoint_id = $1 and status = 'delivered' and last_attempt_at >= $2 limit 1`,
        [endpointId, since],
      )
      return rows.length > 0
    },
    hurry: async (endpointId, now) => {
      await pool.query(
        `update mailtrail.webhook_delivery set ${AGAIN} where endpoint_id = $1 and status = 'waiting'`,
        [endpointId, now],
      )
    },
    again: async (endpointId, eventId, now) => {
      const { rowCount } = await pool.query(
        `update mailtrail.webhook_delivery set ${AGAIN} where endpoint_id = $1 and event_id = $3`,
        [endpointId, now, eventId],
      )
      return rowCount === 1
    },
    find: async (endpointId, eventId) => {
      const [found = null] = await deliveries(
        `select ${COLUMNS} from mailtrail.webhook_delivery where endpoint_id = $1 and event_id = $2`,
        [endpointId, eventId],
      )
      return found
    },
    list: ({ endpointId, status, type }, { descending, after, limit }) =>
      deliveries(
        `select ${COLUMNS} from mailtrail.webhook_delivery
         where endpoint_id = $1 and ($2::text is null or status = $2) and ($3::text is null or type = $3)
           and ($4::text is null or position ${descending ? '<' : '>'} $4)
         order by position ${descending ? 'desc' : 'asc'} limit $5`,
        [endpointId, status ?? null, type ?? null, after, limit],
      ),
    sweep: async (deletedEndpoints, before) => {
      for (const table of ['webhook_delivery', 'webhook_cursor'])
        await pool.query(`delete from mailtrail.${table} where endpoint_id = any ($1)`, [deletedEndpoints])
      await pool.query(
        `delete from mailtrail.webhook_delivery where status <> 'waiting' and last_attempt_at < $1`,
        [before],
      )
    },
  }
}
