import helmet from '@fastify/helmet'
import fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify'
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Handled } from '../../commands/handle.ts'
import type { ApiKeyStore } from '../../commands/ports/api-keys.ts'
import type { Clock } from '../../commands/ports/clock.ts'
import type { IdempotencyStore } from '../../commands/ports/idempotency.ts'
import { answerError } from './answer-error.ts'
import { addAnswerHeaders, requestIdOf } from './answer-headers.ts'
import { describeApi } from './api-description.ts'
import { authenticate } from './authentication.ts'
import { allowOrigins } from './cors.ts'
import { refuseIllFormed } from './ill-formed.ts'
import { useIdempotency } from './idempotency.ts'
import { useFreshness, type WaitFor } from './freshness.ts'
import { answerOtherMethods } from './methods.ts'
import type { Permission } from './permissions.ts'
import { defineProblem, problem } from './problems.ts'
import { refuseUnknownNames } from './strict-requests.ts'
import { tagged } from './versions.ts'
import { wireErrors } from './wire-errors.ts'

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * The permission that the caller's key needs; `public` for routes that anybody may call. Every route must have one.
     */
    permission?: Permission | 'public'
    /** The field of the answer with a secret that is shown once: a repeat has null there. */
    answersOnce?: string
    /** The projections that the answer is read from, which are waited for as `freshness.ts` says. */
    reads?: readonly { readonly name: string }[]
    /** Whether it must, or can, be told in `If-Match` which version it changes: `versions.ts` reads it for the handler. */
    ifMatch?: 'required' | 'optional'
    /**
     * Whether the handler reads the body itself, as it arrives, and for as long as it goes on to arrive. It must be
     * harmless to repeat: there is no `Idempotency-Key`.
     */
    streamsBody?: true
    /** Whether it heeds `If-None-Match`: a GET that answers an ETag, or a PUT that can be told to replace nothing. */
    ifNoneMatch?: true
  }
}

export type ServerDeps = {
  readonly clock: Clock
  readonly apiKeys: ApiKeyStore
  readonly idempotency: IdempotencyStore
  readonly fingerprintKey: Buffer
  readonly waitFor: WaitFor
  readonly logLevel: string
  /** Addresses of proxies whose X-Forwarded-For is trusted. */
  readonly trustProxy: string[]
  /** Origins of pages that may use the API from a browser; `*` for all. */
  readonly corsOrigins: readonly string[]
  /** Within which a request must have arrived as a whole. */
  readonly requestTimeoutMs: number
  readonly limits: { readonly requestsPerMinute: number; readonly failedSignInsPerMinute: number }
  /** Receives log lines; standard output by default. */
  readonly logTo?: { write(line: string): void }
  /** Adds hooks that run before all others, for metrics and traces. */
  readonly observe?: (app: App) => void
}

/** Slow clients are cut this long after their time at most. */
const CHECK_SLOW_MS = 1000

/** The HTTP server without routes: validation, authentication, idempotency, freshness, problems, API description. */
export const buildServer = async (deps: ServerDeps): Promise<App> => {
  const wire = wireErrors()
  const app: App = fastify({
    logger: {
      level: deps.logLevel,
      serializers: { err: loggedError },
      ...(deps.logTo ? { stream: deps.logTo } : {}),
    },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIdOf,
    trustProxy: deps.trustProxy.length > 0 ? deps.trustProxy : false,
    bodyLimit: 2 * 1024 * 1024,
    requestTimeout: deps.requestTimeoutMs,
    http: {
      headersTimeout: deps.requestTimeoutMs,
      connectionsCheckingInterval: CHECK_SLOW_MS,
      requireHostHeader: false,
    },
    clientErrorHandler: wire.answer,
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
    routerOptions: { maxParamLength: 4096, ignoreTrailingSlash: true },
    forceCloseConnections: 'idle',
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler(answerError)
  wire.watch(app)
  addAnswerHeaders(app)
  allowOrigins(app, deps.corsOrigins)
  requirePermissions(app)
  await app.register(helmet, {
    // We may be reached over plain http. That a host has https, and all below it too, is for whoever ends TLS to say.
    contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
    strictTransportSecurity: false,
  })
  useFreshness(app, deps.waitFor)
  refuseUnknownNames(app)
  answerOtherMethods(app)
  await describeApi(app)
  deps.observe?.(app)
  app.addHook('onResponse', logAnswer)
  app.addHook('onRequest', authenticate(deps.apiKeys, deps.clock, deps.limits))
  app.addHook('onRequest', refuseNul)
  app.addHook('preValidation', refuseIllFormed)
  app.addHook('onSend', tagged)
  useIdempotency(app, deps.idempotency, deps.fingerprintKey)
  return app
}

/** Nothing is open by an oversight. */
const requirePermissions = (app: App): void => {
  app.addHook('onRoute', (route) => {
    if (route.url.startsWith('/docs')) route.config = { ...route.config, permission: 'public' }
    if (!route.config?.permission)
      throw new Error(`${String(route.method)} ${route.url} declares no permission`)
  })
}

const invalidCharacter = defineProblem(400, 'invalid-character', {
  title: 'Invalid character',
  meaning: 'The URL contains the character U+0000, which no name can contain.',
  remedy: 'Remove the character from the URL.',
})

/** PostgreSQL's text cannot contain U+0000, so nothing has a name with it. */
const refuseNul = async ({ url, routeOptions }: FastifyRequest) => {
  if (routeOptions.config.permission !== 'public' && url.includes('%00')) throw invalidCharacter()
}

/** Answers a command: the new version as ETag, its position in the log as Event-Position. */
export const answered = <Body>(
  reply: FastifyReply,
  handled: Pick<Handled<unknown>, 'revision' | 'position'>,
  body: Body,
): Body => {
  void reply.header('etag', `"${handled.revision}"`)
  if (handled.position !== null) void reply.header('event-position', handled.position)
  return body
}

const problemAnswer = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: problem } },
})

/** The problems that any route may answer with, for its `response` schema. */
export const problems = {
  '4xx': problemAnswer('The request cannot be fulfilled as it is; `remedy` says what to do'),
  '5xx': problemAnswer('Not your fault: the same request may succeed later'),
} as const

/** One line per request. The route's pattern, never the path: a path may contain a tracking token. */
const logAnswer = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
  const { url, config } = request.routeOptions
  const level = config.permission === 'public' && reply.statusCode < 500 ? 'debug' : 'info'
  request.log[level](
    { method: request.method, route: url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
    'answered',
  )
}

const loggedError = (error: { name?: string; message?: string; code?: string; stack?: string }) => ({
  type: error.name ?? 'Error',
  message: error.message ?? '',
  code: error.code,
  stack: error.stack ?? '',
})
