import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { defineProblem } from './problems.ts'
import type { App } from './server.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The projections that the answer is read from: `min_position` waits for them. */
    reads?: readonly { readonly name: string }[]
  }
}

/** Waits until a projection has passed a position; false if it did not in time. */
export type WaitFor = (projection: string, position: string, timeoutMs: number) => Promise<boolean>

const WAIT_MS = 3000

/** Gives every route that reads projections the parameter `min_position`, and waits for it. */
export const useMinPosition = (app: App, waitFor: WaitFor): void => {
  app.addHook('onRoute', (route) => {
    if (!route.config?.reads) return
    const { querystring = z.object({}) } = (route.schema ?? {}) as { querystring?: z.ZodObject }
    route.schema = { ...route.schema, querystring: querystring.extend({ min_position: minPosition }) }
  })
  app.addHook('preHandler', waitForPosition(waitFor))
}

const minPosition = z
  .string()
  .max(100)
  .optional()
  .describe('Wait until the answer reflects this `Event-Position`')

const notCaughtUp = defineProblem(503, 'not-caught-up', {
  title: 'Not caught up yet',
  meaning: 'The read model has not reached the requested position yet.',
  remedy: 'Retry after the seconds in Retry-After, or omit min_position to get what is available.',
})

const waitForPosition = (waitFor: WaitFor) => async (request: FastifyRequest) => {
  const { reads } = request.routeOptions.config
  const position = (request.query as { min_position?: string } | undefined)?.min_position
  if (!reads || position === undefined) return
  const passed = await Promise.all(reads.map(({ name }) => waitFor(name, position, WAIT_MS)))
  if (passed.includes(false)) throw notCaughtUp({ retryAfterSeconds: 1 })
}
