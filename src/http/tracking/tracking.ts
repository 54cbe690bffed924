import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Clock } from '../../commands/ports/clock.ts'
import type { HitSpool, TrackedHit, TrackingTokens } from '../../commands/ports/tracking.ts'
import { NotFound } from '../../domain/decider.ts'
import { writtenMailbox } from '../../domain/mail.ts'
import { outgoingId } from '../../domain/sending/events.ts'
import { ClickTracked, OpenTracked } from '../../domain/tracking/events.ts'
import type { TrackingQueries } from '../../projections/tracking/tracking.ts'
import { delivery, outcomes } from '../server/outcomes.ts'
import { problems, type App } from '../server/server.ts'
import { timeAgo } from '../server/time-ago.ts'
import { visible, visibleSubject } from '../server/visible.ts'

/** A transparent GIF of one pixel: 43 bytes. */
export const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64')

/** `isOwn` and `isBot` classify an address and a user agent; `onLost` is called for a hit that could not be spooled. */
export type HitRouteDeps = {
  readonly tokens: Pick<TrackingTokens, 'readOpen' | 'readClick'>
  readonly spool: HitSpool
  readonly clock: Clock
  readonly isOwn: (ip: string | null) => boolean
  readonly isBot: (agent: string | null) => boolean
  readonly onLost: (error: unknown) => void
}

/**
 * Where the pixels and links in our emails lead: open to anybody, without cookies or a database. Only GET requests are
 * recorded. A pixel is answered the same way whether or not its token is ours. A link leads where its token says and
 * nowhere else, even if the hit cannot be recorded.
 */
export const trackingHitRoutes = (app: App, deps: HitRouteDeps): void => {
  const params = z.object({ token: z.string() })
  const config = { permission: 'public' } as const
  const schema = { hide: true, params }
  const record = (request: FastifyRequest, hit: () => TrackedHit): void => {
    if (request.method !== 'GET') return
    try {
      deps.spool.record(hit())
    } catch (error) {
      // Whoever follows a link must arrive, even if our disk is full.
      deps.onLost(error)
    }
  }

  app.route({
    method: ['GET', 'HEAD'],
    url: '/t/o/:token',
    config,
    schema,
    handler: async (request, reply) => {
      const token = deps.tokens.readOpen(request.params.token)
      if (token) record(request, () => OpenTracked({ ...token, ...factsOf(request, deps) }))
      return answer(reply)
        .header('cross-origin-resource-policy', 'cross-origin')
        .type('image/gif')
        .send(PIXEL)
    },
  })
  app.route({
    method: ['GET', 'HEAD'],
    url: '/t/c/:token',
    config,
    schema,
    handler: async (request, reply) => {
      const token = deps.tokens.readClick(request.params.token)
      if (!token)
        return answer(reply).status(404).type('text/plain; charset=utf-8').send('This link is not valid.\n')
      record(request, () => ClickTracked({ ...token, ...factsOf(request, deps) }))
      return answer(reply).status(302).header('location', token.url).send()
    },
  })
  for (const url of ['/t/o/:token', '/t/c/:token'])
    app.route({
      method: 'OPTIONS',
      url,
      config,
      schema,
      handler: async (_request, reply) =>
        answer(reply).status(204).header('allow', 'GET, HEAD, OPTIONS').send(),
    })
}

const answer = (reply: FastifyReply): FastifyReply =>
  reply.headers({
    'cache-control': 'no-store, private, max-age=0',
    'referrer-policy': 'no-referrer',
    'x-robots-tag': 'noindex',
  })

const factsOf = (request: FastifyRequest, { clock, isOwn, isBot }: HitRouteDeps) => {
  const agent = request.headers['user-agent']?.slice(0, 512)
  const userAgent = agent === undefined || agent === '' ? null : agent
  // A connection that is already closed has no address.
  const ip = (request.ip as string | undefined)?.slice(0, 64) ?? null
  return {
    at: clock().toISOString(),
    method: request.method,
    ip,
    userAgent,
    prefetch: isPrefetch(request),
    own: isOwn(ip),
    bot: isBot(userAgent),
    repeats: 0,
  }
}

const isPrefetch = ({ headers }: FastifyRequest): boolean =>
  ['purpose', 'x-purpose', 'sec-purpose', 'x-moz'].some((name) =>
    /prefetch|prerender|preview/i.test(String(headers[name] ?? '')),
  )

const verdict = z.enum(['human', 'machine', 'own', 'unknown'])
const hits = z.object({ opens: z.int(), clicks: z.int() })

const trackingView = z.object({
  id: outgoingId,
  accountId: z.string(),
  templateId: z.string().nullable(),
  subject: visibleSubject,
  from: writtenMailbox,
  to: z.array(writtenMailbox),
  cc: z.array(writtenMailbox),
  bcc: z.array(writtenMailbox),
  state: z.enum(['queued', 'sent', 'failed', 'unknown', 'cancelled']),
  queuedAt: z.string(),
  scheduledAt: z.string().nullable(),
  sentAt: z.string().nullable(),
  delivery,
  outcomes,
  tracking: z.object({ opens: z.boolean(), clicks: z.boolean(), reason: z.string() }),
  activity: z.array(
    z.object({
      id: z.string(),
      event: z.enum(['sent', 'deferred', 'opened', 'clicked', 'replied', 'bounced', 'failed', 'unknown']),
      at: z.string(),
      details: z.string(),
      recipient: z.string().nullable().describe('Null if several recipients share one copy'),
      link: z
        .object({ index: z.int(), url: z.string(), text: z.string(), label: z.string() })
        .nullable()
        .describe('The link that was clicked; null also if not everything is visible to you'),
      verdict: verdict.nullable().describe('Who made the request, as far as can be told'),
      reason: z.string().nullable().describe('The rule behind the verdict'),
      repeats: z.int().describe('Further requests of the same kind within 30 seconds'),
      network: z.string().nullable(),
      userAgent: z.string().nullable(),
    }),
  ),
  truncated: z.boolean().describe('Whether the oldest activity is left out'),
  summary: z.object({
    opens: z.int().describe('Opens by people; a click counts as an open if images were blocked'),
    uniqueOpens: z.int().describe('Distinct recipients; a lower bound if `attribution` is `email`'),
    linkClicks: z.int(),
    replies: z.int(),
    recipients: z.int(),
    attribution: z.enum(['recipient', 'email']),
    lastActivityAt: z.string().nullable(),
    lastActivity: z.string().nullable().describe('The same in words, relative to now'),
    human: hits,
    machine: hits,
    unknown: hits,
    own: hits,
    classifierVersion: z.int(),
  }),
  visibility: visible,
})

export type TrackingReportRouteDeps = {
  readonly queries: TrackingQueries
  /** The read model that says to whom what is visible. */
  readonly accountList: { readonly name: string }
  readonly clock: Clock
}

/** The tracking report of an email: what happened to it, and its totals. */
export const trackingReportRoutes = (
  app: App,
  { queries, accountList, clock }: TrackingReportRouteDeps,
): void => {
  app.get('/v1/outbox/:id/tracking', {
    config: { permission: 'tracking:read', reads: [queries.readModels.emailTimeline, accountList] },
    schema: {
      tags: ['Tracking'],
      summary: 'Get the timeline and tracking of an email',
      description:
        'Lists every request for its pixel and links with a verdict; the sums count people only. A request counts as ' +
        "a person's after 15 seconds without signs of a scanner.",
      params: z.object({ id: outgoingId }),
      response: { 200: trackingView, ...problems },
    },
    handler: async ({ params, actingUser }) => {
      const now = clock()
      const found = await queries.ofEmail(params.id, actingUser, { now })
      if (!found) throw new NotFound('email', params.id)
      const { lastActivityAt } = found.summary
      const lastActivity = lastActivityAt === null ? null : timeAgo(lastActivityAt, now)
      return { ...found, summary: { ...found.summary, lastActivity } }
    },
  })
}
