import { z } from 'zod'
import { within } from '../../std/within.ts'
import { defineProblem } from '../server/problems.ts'
import { problems, type App } from '../server/server.ts'

const CHECK_MS = 2000

const notReady = defineProblem(503, 'not-ready', {
  title: 'Not ready',
  meaning: 'The process is running, but something that it needs is not responding.',
  remedy: 'Send requests to another process; this one is checked again in a moment.',
})

/**
 * For supervisors and load balancers: whether the process is alive, and whether it can be given work. Liveness checks
 * nothing outside the process, or an unavailable database would have every process restarted.
 */
export const healthRoutes = (
  app: App,
  deps: {
    /** What must respond before requests can be answered, by name. */
    checks: Readonly<Record<string, () => Promise<unknown>>>
  },
): void => {
  const tags = ['Health']
  const config = { permission: 'public' } as const
  app.get('/health', {
    config,
    schema: {
      tags,
      summary: 'Check that the process is alive',
      security: [],
      response: { 200: z.object({ status: z.literal('ok') }), ...problems },
    },
    handler: async () => ({ status: 'ok' as const }),
  })
  app.get('/health/ready', {
    config,
    schema: {
      tags,
      summary: 'Check that the process can answer requests',
      security: [],
      response: { 200: z.object({ status: z.literal('ready') }), ...problems },
    },
    handler: async () => {
      const names = Object.keys(deps.checks)
      const answers = await Promise.all(Object.values(deps.checks).map(inTime))
      const missing = names.filter((_, index) => !answers[index])
      if (missing.length > 0)
        throw notReady({ detail: `Not responding: ${missing.join(', ')}.`, retryAfterSeconds: 1 })
      return { status: 'ready' as const }
    },
  })
}

/** Whether the check succeeded in time. */
const inTime = async (check: () => Promise<unknown>): Promise<boolean> => {
  try {
    return await within(
      check().then(() => true),
      CHECK_MS,
      () => false,
    )
  } catch {
    return false
  }
}
