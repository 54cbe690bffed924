import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Json } from '../../domain/event.ts'
import { defineCode, type CodeDefinition, type CodeWords, type Occasion } from '../../domain/refusal.ts'

/** RFC 9457, with a stable `code`, a `remedy` for people, and the id under which details are in the log. */
export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    remedy: z.string(),
    traceId: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    details: z.unknown().optional(),
  })
  .meta({ id: 'Problem' })
export type Problem = z.infer<typeof problem>

type WithStatus = CodeDefinition & { readonly status: number }
type HttpOccasion = Occasion & {
  /** Set if the framework's status differs from the definition's. */
  readonly status?: number
  readonly errors?: Problem['errors']
  readonly retryAfterSeconds?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** A problem to answer with. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem'
  readonly status: number
  readonly code: string
  readonly title: string
  readonly remedy: string
  readonly details: Json
  readonly errors: Problem['errors']
  readonly retryAfterSeconds: number | null
  readonly headers: Readonly<Record<string, string>>

  constructor({ status, code, title, meaning, remedy }: WithStatus, occasion: HttpOccasion = {}) {
    super(occasion.detail ?? meaning)
    this.status = occasion.status ?? status
    this.code = code
    this.title = title
    this.remedy = occasion.remedy ?? remedy
    this.details = occasion.details ?? null
    this.errors = occasion.errors
    this.retryAfterSeconds = occasion.retryAfterSeconds ?? null
    this.headers = occasion.headers ?? {}
  }
}

export type ProblemDefinition = WithStatus & ((occasion?: HttpOccasion) => HttpProblem)

/** Defines a problem of HTTP's own. Calling it makes the error. */
export const defineProblem = (status: number, code: string, words: CodeWords): ProblemDefinition => {
  const definition = { status, ...defineCode(code, words) }
  return Object.assign((occasion?: HttpOccasion) => new HttpProblem(definition, occasion), definition)
}

/** A problem as it is answered. */
export const problemBody = (
  { status, code, title, message, remedy, errors, details }: HttpProblem,
  traceId: string,
): Problem => ({
  type: `/problems/${code}`,
  title,
  status,
  code,
  detail: message,
  remedy,
  traceId,
  ...(errors ? { errors } : {}),
  ...(details === null ? {} : { details }),
})

/** Answers with a problem, whatever media type was requested (RFC 9457 3). */
export const sendProblem = (
  request: FastifyRequest,
  reply: FastifyReply,
  answer: HttpProblem,
): FastifyReply => {
  const { status, headers, retryAfterSeconds } = answer
  // Some are answered before any hook has run.
  void reply.headers({ 'x-request-id': request.id, 'cache-control': 'no-store', ...headers })
  if (retryAfterSeconds !== null) void reply.header('retry-after', String(retryAfterSeconds))
  void reply.status(status).type('application/problem+json')
  const body = JSON.stringify(problemBody(answer, request.id))
  return status === 413
    ? reply
        .removeHeader('connection')
        .header('content-length', Buffer.byteLength(body))
        .send(untilRead(request, body))
    : reply.serializer((text: string) => text).send(body)
}

/**
 * An answer that ends when the request does, and what is left of that is thrown away, within the time that it has: a
 * client that is still writing when the connection is closed gets a reset, and never sees the answer.
 */
const untilRead = ({ raw }: FastifyRequest, body: string): ReadableStream => {
  const { promise: isRead, resolve } = Promise.withResolvers<void>()
  if (raw.readableEnded || raw.destroyed) resolve()
  raw.once('end', resolve).once('close', resolve).resume()
  return new ReadableStream({
    start: (answer) => answer.enqueue(new TextEncoder().encode(body)),
    pull: async (answer) => {
      await isRead
      answer.close()
    },
  })
}
