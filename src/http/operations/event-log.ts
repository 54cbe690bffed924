import { z } from 'zod'
import type { EventStore } from '../../commands/ports/event-log.ts'
import { askedInstant } from '../../domain/mail.ts'
import { problems, type App } from '../server/server.ts'

/** The log itself: where it ended at an instant, for queries and comparisons from there. */
export const eventLogRoutes = (
  app: App,
  deps: {
    readonly store: Pick<EventStore, 'storeId'>
    readonly times: { positionAt(instant: string): Promise<string | null> }
  },
): void => {
  app.get('/v1/event-log', {
    config: { permission: 'system:read' },
    schema: {
      tags: ['Health'],
      summary: 'Get the position of the event log at an instant',
      querystring: z.object({
        at: askedInstant.describe('RFC 3339. Events recorded by then lie at or before the position'),
      }),
      response: {
        200: z.object({
          storeId: z.string().describe('Identifies the event log'),
          at: z.string(),
          position: z
            .string()
            .nullable()
            .describe('Position of the last event recorded by then; null if there was none'),
        }),
        ...problems,
      },
    },
    handler: async ({ query: { at } }) => {
      const [storeId, position] = await Promise.all([deps.store.storeId(), deps.times.positionAt(at)])
      return { storeId, at, position }
    },
  })
}
