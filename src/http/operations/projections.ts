import { z } from 'zod'
import { NotFound } from '../../domain/decider.ts'
import { actorInWords } from '../../domain/event.ts'
import { pageFrom, pageOf, pageQuery, readCursor } from '../server/pages.ts'
import { defineProblem } from '../server/problems.ts'
import { problems, type App } from '../server/server.ts'

const projectionView = z
  .object({
    name: z.string(),
    version: z.int(),
    position: z.string().nullable(),
    head: z.string().nullable(),
    lagMs: z.number().nullable(),
    runningHere: z.boolean(),
    error: z.string().nullable().describe('Why the read model has stopped'),
    parked: z
      .object({
        events: z.int(),
        streams: z.int(),
        late: z
          .int()
          .describe('Events folded out of order: verify the read model, and rebuild it if it differs'),
      })
      .describe('Events that could not be folded, and those that wait behind them'),
  })
  .meta({ id: 'Projection' })

const parkedView = z
  .object({
    stream: z.string(),
    events: z.int().describe('How many events of this stream are parked'),
    first: z.object({
      eventId: z.string(),
      type: z.string(),
      revision: z.int(),
      position: z.string(),
      parkedAt: z.string(),
    }),
    error: z
      .string()
      .nullable()
      .describe('Why the first one could not be folded; null if it has not been tried yet'),
    attempts: z.int(),
  })
  .meta({ id: 'ParkedStream' })

const retriedView = z.object({
  stream: z.string(),
  folded: z.int().describe('Events that were folded'),
  remaining: z.int().describe('Events that are still parked'),
  error: z.string().nullable().describe('Why the first of those could not be folded'),
})
const skippedView = retriedView.extend({
  skipped: z.object({ eventId: z.string(), type: z.string(), revision: z.int(), position: z.string() }),
})

type Projection = z.infer<typeof projectionView>
type Retried = Omit<z.infer<typeof retriedView>, 'stream'>
type Skipped = Omit<z.infer<typeof skippedView>, 'stream'>

/** A stream with parked events; the fields after `events` describe the first of them. */
type ParkedRow = {
  readonly stream: string
  readonly events: number
  readonly eventId: string
  readonly type: string
  readonly revision: number
  readonly position: string
  readonly parkedAt: string
  readonly error: string | null
  readonly attempts: number
}

/** Functions of the projection runner that the routes call. */
export type ProjectionRouteDeps = {
  status: () => Promise<(Omit<Projection, 'error'> & { error: { message: string } | null })[]>
  /** Ordered by stream, after the given one; null if there is no such projection. */
  parked: (name: string, after: string | null, limit: number) => Promise<ParkedRow[] | null>
  /** Null if nothing of the stream is parked. */
  retry: (name: string, stream: string) => Promise<Retried | null>
  /** 'other' if the first parked event is not the given one. */
  skip: (
    name: string,
    stream: string,
    skip: { eventId: string | null; by: string; reason: string; commandId: string },
  ) => Promise<Skipped | 'other' | null>
}

const toParkedView = ({ stream, events, error, attempts, ...first }: ParkedRow) => ({
  stream,
  events,
  first,
  error,
  attempts,
})

const byName = z.object({ name: z.string().max(200).describe('Name of a read model') })
const byStream = byName.extend({
  stream: z.string().max(1000).describe('Name of a stream, as in the list of parked streams'),
})
const skipping = z.object({
  reason: z
    .string()
    .trim()
    .min(1)
    .max(500)
    .regex(/^\P{Cc}*$/u, 'has a control character')
    .describe('Why it is skipped; recorded together with who asked'),
  eventId: z
    .string()
    .max(100)
    .nullable()
    .default(null)
    .describe('Skip only if this event is the first one parked'),
})

/** Read models: how far each is, which events it could not take in, and what to do about those. */
export const projectionRoutes = (app: App, runner: ProjectionRouteDeps): void => {
  const tags = ['Read models']
  app.get('/v1/projections', {
    config: { permission: 'system:read' },
    schema: {
      tags,
      summary: 'List read models and how far each is',
      response: { 200: z.object({ data: z.array(projectionView) }), ...problems },
    },
    handler: async () => {
      const data = await runner.status()
      return { data: data.map((row) => ({ ...row, error: row.error?.message ?? null })) }
    },
  })
  app.get('/v1/projections/:name/parked', {
    config: { permission: 'system:read' },
    schema: {
      tags,
      summary: 'List the streams with parked events',
      params: byName,
      querystring: pageQuery,
      response: { 200: pageOf(parkedView), ...problems },
    },
    handler: async ({ params, query }) => {
      const [after] = readCursor(query, ['text']) ?? [null]
      const rows = await runner.parked(params.name, after, query.limit + 1)
      if (!rows) throw new NotFound('read model', params.name)
      const page = pageFrom(rows, query, ({ stream }) => [stream])
      return { ...page, data: page.data.map(toParkedView) }
    },
  })
  app.post('/v1/projections/:name/parked/:stream/retry', {
    config: { permission: 'system:write' },
    schema: {
      tags,
      summary: 'Retry the parked events of a stream',
      description:
        'Retried events are folded after events of other streams that were recorded later. A read model that combines ' +
        'several streams in one row may then differ from a rebuild: verify it, and rebuild it if it differs.',
      params: byStream,
      response: { 200: retriedView, ...problems },
    },
    handler: async ({ params: { name, stream } }) => {
      const retried = await runner.retry(name, stream)
      if (!retried) throw new NotFound('parked stream', stream)
      return { stream, ...retried }
    },
  })
  app.post('/v1/projections/:name/parked/:stream/skip', {
    config: { permission: 'system:write' },
    schema: {
      tags,
      summary: 'Skip the first parked event of a stream and retry the rest',
      description:
        'The event stays in the log, but this read model leaves it out from now on, also after a rebuild. Who decided ' +
        'that, when and why is recorded.',
      params: byStream,
      body: skipping,
      response: { 200: skippedView, ...problems },
    },
    handler: async ({ params: { name, stream }, body, caller: { actor, commandId } }) => {
      const by = actorInWords(actor)
      const skipped = await runner.skip(name, stream, { ...body, by, commandId })
      if (!skipped) throw new NotFound('parked stream', stream)
      if (skipped === 'other') throw notFirst()
      return { stream, ...skipped }
    },
  })
}

const notFirst = defineProblem(409, 'not-first-parked', {
  title: 'Not the first parked event',
  meaning:
    'A stream waits behind its first parked event, and only that one can be skipped. This is not the first.',
  remedy: 'List the parked streams again, and decide by the new list.',
})
