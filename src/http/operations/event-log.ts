import { z } from 'zod'
import type { EventStore } from '../../commands/ports/event-log.ts'
import { problems, type App } from '../server/server.ts'

/** The log itself: where it ended at a moment, from where answers can be asked for and compared. */
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
      summary: 'Where the event log ended at an instant',
      querystring: z.object({
        at: z.iso
          .datetime({ offset: true })
          .regex(/^(?!0000)/)
          .describe('RFC 3339; what was recorded by then is before it'),
      }),
      response: {
        200: z.object({
          storeId: z.string().describe('Which log it is'),
          at: z.string(),
          position: z.string().nullable().describe('Of the last event by then; null where there was none'),
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
