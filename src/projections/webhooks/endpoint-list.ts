import { sql, type Kysely } from 'kysely'
import {
  WebhookEndpointChanged,
  WebhookEndpointCreated,
  WebhookEndpointDeleted,
  WebhookEndpointDisabled,
  WebhookEndpointEnabled,
  WebhookReplayRequested,
  WebhookSecretRotated,
  type DisabledReason,
  type EndpointFacts,
} from '../../domain/webhooks/events.ts'
import {
  integer,
  json,
  nullable,
  paged,
  projection,
  table,
  tablesOf,
  text,
  timestamp,
  type Page,
  type RowOf,
} from '../projection.ts'

const endpoint = table({
  columns: {
    id: text,
    facts: json<EndpointFacts>(),
    status: text,
    /** Why it is disabled; null if it is not. */
    reason: nullable(text),
    secret_version: integer,
    former_valid_until: nullable(timestamp),
    /** The position behind which the log is read for it; null for its start. */
    begins_after: nullable(text),
    /** Counts its replays. */
    generation: integer,
    created_at: timestamp,
    changed_at: timestamp,
    revision: integer,
  },
  key: ['id'],
  indexes: ['(created_at, id)'],
})

/** Webhook endpoints. One that was deleted stays, so that what was to be delivered to it can be swept. */
export const endpointList = projection({
  name: 'webhook-endpoints',
  version: 1,
  tables: { endpoint },
  events: [
    WebhookEndpointCreated,
    WebhookEndpointChanged,
    WebhookSecretRotated,
    WebhookEndpointDisabled,
    WebhookEndpointEnabled,
    WebhookReplayRequested,
    WebhookEndpointDeleted,
  ],
  fold: (event, rows) => {
    const { endpointId: id } = event.data
    const at = event.metadata.occurredAt
    if (event.type === 'WebhookEndpointCreated') {
      rows.put('endpoint', {
        id,
        facts: event.data.endpoint,
        status: 'active',
        reason: null,
        secret_version: 1,
        former_valid_until: null,
        begins_after: event.position,
        generation: 0,
        created_at: at,
        changed_at: at,
        revision: event.revision,
      })
      return
    }
    const row = rows.get('endpoint', { id })
    if (!row) throw new Error(`${event.type} of a webhook endpoint that was not created`)
    rows.put('endpoint', { ...row, ...changesBy(event, row), changed_at: at, revision: event.revision })
  },
})

type Row = RowOf<typeof endpoint>
type FoldedEvent = Parameters<typeof endpointList.fold>[0]

const changesBy = (event: FoldedEvent, row: Row): Partial<Row> => {
  switch (event.type) {
    case 'WebhookEndpointCreated':
      return {}
    case 'WebhookEndpointChanged':
      return { facts: event.data.endpoint }
    case 'WebhookSecretRotated':
      return {
        secret_version: event.data.secretVersion,
        former_valid_until: event.data.formerValidUntil,
      }
    case 'WebhookEndpointDisabled':
      return { status: 'disabled', reason: event.data.reason }
    case 'WebhookEndpointEnabled':
      return { status: 'active', reason: null }
    case 'WebhookReplayRequested':
      return { begins_after: event.data.after, generation: row.generation + 1 }
    case 'WebhookEndpointDeleted':
      return { status: 'deleted', reason: null }
  }
}

export type EndpointItem = EndpointFacts & {
  readonly id: string
  readonly status: 'active' | 'disabled'
  readonly disabledReason: DisabledReason | null
  /** Until when the former secret signs too; null if there is none. */
  readonly formerSecretValidUntil: string | null
  readonly createdAt: string
  readonly changedAt: string
  readonly revision: number
}

const toItem = (row: Row): EndpointItem => ({
  id: row.id,
  ...row.facts,
  status: row.status === 'disabled' ? 'disabled' : 'active',
  disabledReason: row.reason as DisabledReason | null,
  formerSecretValidUntil: row.former_valid_until,
  createdAt: row.created_at,
  changedAt: row.changed_at,
  revision: row.revision,
})

const kept = (db: Kysely<unknown>) =>
  tablesOf(db, endpointList).selectFrom('endpoint').where('status', '<>', 'deleted')

export const listEndpoints =
  (db: Kysely<unknown>) =>
  async (status: EndpointItem['status'] | undefined, page: Page): Promise<EndpointItem[]> => {
    const found = kept(db)
      .selectAll()
      .$if(status !== undefined, (of) => of.where('status', '=', status ?? ''))
    const rows = await paged(found, { column: 'created_at', type: 'timestamptz' }, page).execute()
    return rows.map(toItem)
  }

export const findEndpoint =
  (db: Kysely<unknown>) =>
  async (id: string): Promise<EndpointItem | null> => {
    const row = await kept(db).selectAll().where('id', '=', id).executeTakeFirst()
    return row === undefined ? null : toItem(row)
  }

/** Endpoints that are delivered to, and where the log begins for each. */
export const activeEndpoints = (db: Kysely<unknown>) => async () => {
  const rows = await kept(db).selectAll().where('status', '=', 'active').execute()
  return rows.map((row) => ({
    endpointId: row.id,
    endpoint: row.facts,
    status: 'active' as const,
    secretVersion: row.secret_version,
    formerValidUntil: row.former_valid_until,
    beginsAfter: row.begins_after,
    generation: row.generation,
  }))
}

export const countEndpoints = (db: Kysely<unknown>) => async (): Promise<number> => {
  const { count } = await kept(db)
    .select(sql<number>`count(*)::int`.as('count'))
    .executeTakeFirstOrThrow()
  return count
}

export const deletedEndpoints = (db: Kysely<unknown>) => async (): Promise<string[]> => {
  const rows = await tablesOf(db, endpointList)
    .selectFrom('endpoint')
    .select('id')
    .where('status', '=', 'deleted')
    .execute()
  return rows.map(({ id }) => id)
}
