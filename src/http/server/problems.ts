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

  constructor({ status, code, title, meaning, remedy }: WithStatus, occasion: HttpOccasion = {}) {
    super(occasion.detail ?? meaning)
    this.status = occasion.status ?? status
    this.code = code
    this.title = title
    this.remedy = occasion.remedy ?? remedy
    this.details = occasion.details ?? null
    this.errors = occasion.errors
    this.retryAfterSeconds = occasion.retryAfterSeconds ?? null
  }
}

export type ProblemDefinition = WithStatus & ((occasion?: HttpOccasion) => HttpProblem)

/** Defines a problem of HTTP's own. Calling it makes the error. */
export const defineProblem = (status: number, code: string, words: CodeWords): ProblemDefinition => {
  const definition = { status, ...defineCode(code, words) }
  return Object.assign((occasion?: HttpOccasion) => new HttpProblem(definition, occasion), definition)
}

/** Answers with a problem, whatever media type was requested (RFC 9457 3). */
export const sendProblem = (
  request: FastifyRequest,
  reply: FastifyReply,
  { status, code, title, message, remedy, errors, details, retryAfterSeconds }: HttpProblem,
): FastifyReply => {
  const body: Problem = {
    type: `/problems/${code}`,
    title,
    status,
    code,
    detail: message,
    remedy,
    traceId: request.id,
  }
  if (errors) body.errors = errors
  if (details !== null) body.details = details
  if (retryAfterSeconds !== null) void reply.header('retry-after', String(retryAfterSeconds))
  if (status === 413) discardBody(request, reply)
  return reply
    .status(status)
    .type('application/problem+json')
    .serializer((value: unknown) => JSON.stringify(value))
    .send(body)
}

/**
 * Reads what is left of a body that is too large, within the time that a request has, and throws it away. Fastify would
 * close the connection instead; a client that is still writing then gets a reset and never sees the answer.
 */
const discardBody = (request: FastifyRequest, reply: FastifyReply): void => {
  reply.removeHeader('connection')
  request.raw.resume()
}
