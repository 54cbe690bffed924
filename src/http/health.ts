import { z } from 'zod'
import { HttpProblem } from './problems.ts'
import { problems, type App } from './server.ts'

export type ProjectionHealth = {
  name: string
  version: number
  position: string | null
  head: string | null
  lagMs: number | null
  runningHere: boolean
  error: { message: string } | null
}

/** Whether the service answers, for load balancers, and how far each read model has come, for people. */
export const healthRoutes = (
  app: App,
  deps: { ping: () => Promise<void>; projections: () => Promise<ProjectionHealth[]> },
): void => {
  const tags = ['Health']
  app.get('/health', {
    config: { permission: 'public' },
    schema: {
      tags,
      summary: 'Does the service answer, and its database?',
      security: [],
      response: { 200: z.object({ status: z.literal('ok') }), ...problems },
    },
    handler: async () => {
      await deps.ping().catch(() => {
        throw new HttpProblem(
          503,
          'database-away',
          'The database does not answer',
          'Try again in a moment.',
          1,
        )
      })
      return { status: 'ok' as const }
    },
  })
  app.get('/v1/projections', {
    config: { permission: 'system:read' },
    schema: {
      tags,
      summary: 'How far each read model has come',
      response: {
        200: z.object({
          data: z.array(
            z.object({
              name: z.string(),
              version: z.int(),
              position: z.string().nullable(),
              head: z.string().nullable(),
              lagMs: z.number().nullable(),
              runningHere: z.boolean(),
              error: z.string().nullable(),
            }),
          ),
        }),
        ...problems,
      },
    },
    handler: async () => {
      const data = await deps.projections()
      return { data: data.map((row) => ({ ...row, error: row.error?.message ?? null })) }
    },
  })
}
