import type { Kysely } from 'kysely'
import {
  activeEndpoints,
  countEndpoints,
  deletedEndpoints,
  endpointList,
  findEndpoint,
  listEndpoints,
} from './endpoint-list.ts'

export const webhookProjections = [endpointList]

/** What can be asked about webhook endpoints. */
export const webhookQueries = (db: Kysely<unknown>) => ({
  readModels: { endpointList },
  list: listEndpoints(db),
  find: findEndpoint(db),
  activeEndpoints: activeEndpoints(db),
  countEndpoints: countEndpoints(db),
  deletedEndpoints: deletedEndpoints(db),
})

export type WebhookQueries = ReturnType<typeof webhookQueries>
