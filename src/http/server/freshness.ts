import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { defineProblem } from './problems.ts'
import type { App } from './server.ts'

/** Waits until a projection has passed a position; false if it did not in time. */
export type WaitFor = (projection: string, position: string, timeoutMs: number) => Promise<boolean>

const WAIT_MS = 3000

const minPosition = z
  .string()
  .max(100)
  .optional()
  .describe('Wait until the answer reflects this `Event-Position`')

export const notCaughtUp = defineProblem(503, 'not-caught-up', {
  title: 'Not caught up yet',
  meaning: 'The read model has not reached the requested position yet.',
  remedy: 'Retry after the seconds in Retry-After, or omit min_position to get what is available.',
})

/**
 * How new an answer is that is read from read models, which lag behind the log. With `min_position` it reflects that
 * position, or is a problem. Without, it reflects what this process told the same key last, for as long as that is worth
 * waiting for: who was just told that something was created finds it.
 */
export const useFreshness = (app: App, waitFor: WaitFor): void => {
  const told = new Map<string, { readonly position: string; readonly until: number }>()
  const passed = async (reads: readonly { readonly name: string }[], position: string, ms: number) =>
    !(await Promise.all(reads.map(({ name }) => waitFor(name, position, ms)))).includes(false)

  app.addHook('onRoute', (route) => {
    // What is read from the log itself is never behind, and takes the parameter as everything does.
    if (!isRead(route.method) || !route.url.startsWith('/v1/')) return
    const { querystring = z.object({}) } = (route.schema ?? {}) as { querystring?: z.ZodObject }
    route.schema = { ...route.schema, querystring: querystring.extend({ min_position: minPosition }) }
  })
  app.addHook('preHandler', async (request) => {
    const { reads } = request.routeOptions.config
    if (!reads) return
    const asked = minPositionOf(request)
    if (asked !== undefined) {
      if (!(await passed(reads, asked, WAIT_MS))) throw notCaughtUp({ retryAfterSeconds: 1 })
      return
    }
    const last = told.get(request.apiKey?.id ?? '')
    const leftMs = last ? Math.ceil(last.until - performance.now()) : 0
    if (last && leftMs > 0) await passed(reads, last.position, leftMs)
  })
  app.addHook('onSend', async (request, reply) => {
    const position = reply.getHeader('event-position')
    if (request.apiKey === null || typeof position !== 'string') return
    const before = told.get(request.apiKey.id)?.position ?? ''
    told.set(request.apiKey.id, {
      position: position > before ? position : before,
      until: performance.now() + WAIT_MS,
    })
  })
}

const isRead = (method: string | readonly string[]): boolean =>
  [method].flat().some((each) => each === 'GET' || each === 'HEAD')

const minPositionOf = ({ query }: FastifyRequest): string | undefined =>
  (query as { min_position?: string } | undefined)?.min_position
