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
import { randomUUID } from 'node:crypto'
import type { Handled } from '../../commands/handle.ts'
import type { ApiKeyStore } from '../../commands/ports/api-keys.ts'
import type { Clock } from '../../commands/ports/clock.ts'
import type { IdempotencyStore } from '../../commands/ports/idempotency.ts'
import { answerError } from './answer-error.ts'
import { describeApi } from './api-description.ts'
import { authenticate } from './authentication.ts'
import { refuseIllFormed } from './ill-formed.ts'
import { useIdempotency } from './idempotency.ts'
import { addMinPosition, useFreshness, type WaitFor } from './freshness.ts'
import type { Permission } from './permissions.ts'
import { defineProblem, problem, sendProblem } from './problems.ts'

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
    /** The answer contains a secret that is shown once, so it is not stored for repeats. */
    answersOnce?: boolean
    /** The projections that the answer is read from, which are waited for as `freshness.ts` says. */
    reads?: readonly { readonly name: string }[]
    /** It must be told in `If-Match` which version it changes: its handler asks for `requiredRevision`. */
    ifMatch?: 'required'
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
  /** Receives log lines; standard output by default. */
  readonly logTo?: { write(line: string): void }
  /** Adds hooks that run before all others, for metrics and traces. */
  readonly observe?: (app: App) => void
}

const noSuchRoute = defineProblem(404, 'no-such-route', {
  title: 'No such URL',
  meaning: 'There is no operation at this URL.',
  remedy: 'See /docs for the available operations.',
})

/** The HTTP server without routes: validation, authentication, idempotency, freshness, problems, API description. */
export const buildServer = async (deps: ServerDeps): Promise<App> => {
  const app: App = fastify({
    logger: {
      level: deps.logLevel,
      serializers: { err: loggedError },
      ...(deps.logTo ? { stream: deps.logTo } : {}),
    },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    trustProxy: deps.trustProxy.length > 0 ? deps.trustProxy : false,
    bodyLimit: 2 * 1024 * 1024,
    requestTimeout: 30_000,
    exposeHeadRoutes: false,
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
    routerOptions: { maxParamLength: 4096, ignoreTrailingSlash: true },
    forceCloseConnections: 'idle',
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.setErrorHandler(answerError)
  app.setNotFoundHandler((request, reply) => sendProblem(request, reply, noSuchRoute()))
  app.addHook('onRoute', (route) => {
    if (route.url.startsWith('/docs')) route.config = { ...route.config, permission: 'public' }
    if (!route.config?.permission)
      throw new Error(`${String(route.method)} ${route.url} declares no permission`)
    if (route.config.reads) addMinPosition(route)
  })
  await app.register(helmet, { contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } })
  await describeApi(app)
  deps.observe?.(app)
  app.addHook('onResponse', logAnswer)
  app.addHook('onRequest', authenticate(deps.apiKeys, deps.clock))
  app.addHook('onRequest', refuseNul)
  app.addHook('preValidation', refuseIllFormed)
  useFreshness(app, deps.waitFor)
  useIdempotency(app, deps.idempotency, deps.fingerprintKey)
  return app
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

const ifMatchRequired = defineProblem(428, 'if-match-required', {
  title: 'Version required',
  meaning: 'The change must say which version of the resource it is based on.',
  remedy: 'Read the resource and send its ETag as If-Match.',
})
const invalidIfMatch = defineProblem(400, 'invalid-if-match', {
  title: 'Invalid If-Match',
  meaning: 'If-Match is not an ETag from an answer.',
  remedy: 'Send the ETag exactly as returned, with its quotation marks.',
})

/**
 * The revision in `If-Match` (RFC 9110 13.1.1), one strong tag.
 * @throws HttpProblem 428 if it is missing
 */
export const requiredRevision = (request: FastifyRequest): number => {
  const header = request.headers['if-match']
  if (header === undefined) throw ifMatchRequired()
  const match = /^"(\d{1,15})"$/.exec(header)
  if (!match) throw invalidIfMatch()
  return Number(match[1])
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
