import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors, isResponseSerializationError } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { StaleRevision } from '../../commands/handle.ts'
import {
  AppendTooLarge,
  ForeignPosition,
  RevisionConflict,
  StoreUnavailable,
} from '../../commands/ports/event-log.ts'
import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import { NotFound, Refused } from '../../domain/decider.ts'
import type { Json } from '../../domain/event.ts'
import { UnknownShape } from '../../domain/upcast.ts'

/** RFC 9457, with a stable `code`, a `remedy` in words for people, and the id under which the log has the rest. */
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

const titles: Record<number, string> = {
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  412: 'Version is stale',
  413: 'Too large',
  414: 'Address too long',
  415: 'Unsupported media type',
  422: 'Refused',
  428: 'Version required',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Not available now',
}

/** A problem that a route or hook states itself. */
export class HttpProblem extends Error {
  readonly status: number
  readonly code: string
  readonly remedy: string
  readonly retryAfterSeconds: number | null

  constructor(
    status: number,
    code: string,
    message: string,
    remedy: string,
    retryAfterSeconds: number | null = null,
  ) {
    super(message)
    this.name = 'HttpProblem'
    this.status = status
    this.code = code
    this.remedy = remedy
    this.retryAfterSeconds = retryAfterSeconds
  }
}

type Stated = {
  status: number
  code: string
  detail: string
  remedy: string
  errors?: { path: string; message: string }[]
  details?: Json
}

/** Answers an error as a problem. What is not ours to explain is logged and answered with nothing but its trace id. */
export const answerProblem = (
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply => {
  const stated = state(error)
  if (stated.status >= 500 && !(error instanceof HttpProblem))
    request.log.error({ err: error }, 'request failed')
  if (error instanceof HttpProblem && error.retryAfterSeconds !== null)
    void reply.header('retry-after', String(error.retryAfterSeconds))
  return sendProblem(request, reply, stated)
}

/** Answers with a problem, whatever media type was asked for (RFC 9457 3). */
export const sendProblem = (request: FastifyRequest, reply: FastifyReply, stated: Stated): FastifyReply => {
  const body: Problem = {
    type: `/problems/${stated.code}`,
    title: titles[stated.status] ?? 'Error',
    status: stated.status,
    code: stated.code,
    detail: stated.detail,
    remedy: stated.remedy,
    traceId: request.id,
  }
  if (stated.errors) body.errors = stated.errors
  if (stated.details !== undefined && stated.details !== null) body.details = stated.details
  return reply
    .status(stated.status)
    .type('application/problem+json')
    .serializer((value: unknown) => JSON.stringify(value))
    .send(body)
}

const state = (error: FastifyError): Stated => {
  if (error instanceof HttpProblem)
    return { status: error.status, code: error.code, detail: error.message, remedy: error.remedy }
  if (error instanceof Refused)
    return {
      status: 422,
      code: error.code,
      detail: error.message,
      remedy: error.remedy,
      details: error.details,
    }
  if (error instanceof NotFound)
    return {
      status: 404,
      code: 'not-found',
      detail: error.message,
      remedy: 'Check the id; the list of the resource shows those that exist.',
    }
  if (error instanceof StaleRevision)
    return {
      status: 412,
      code: 'stale-version',
      detail: error.message,
      remedy: 'Read the resource again, apply the change to what it says now, and send its ETag as If-Match.',
      details: { expected: `"${error.expected}"`, actual: `"${error.actual}"` },
    }
  if (error instanceof ForeignPosition)
    return {
      status: 400,
      code: 'invalid-position',
      detail: error.message,
      remedy: 'Send an Event-Position as it was given, or leave min_position out.',
    }
  if (error instanceof RevisionConflict)
    return {
      status: 409,
      code: 'conflict',
      detail: 'Others changed the same resource at the same time, three times over',
      remedy: 'Send the request again.',
    }
  if (error instanceof AppendTooLarge)
    return {
      status: 413,
      code: 'body-too-large',
      detail: 'What is to be recorded is larger than one entry of the event log may be',
      remedy: 'Send less at once: a shorter text, fewer recipients.',
    }
  if (error instanceof StoreUnavailable)
    return {
      status: 503,
      code: 'event-log-away',
      detail: 'The event log does not answer, so nobody can tell whether this was recorded',
      remedy: 'Send the same request again with the same Idempotency-Key: it takes effect once.',
    }
  if (error instanceof UnknownShape)
    return {
      status: 503,
      code: 'newer-version-needed',
      detail: 'A newer version of the software recorded what this version cannot read',
      remedy: 'Ask again when the newer version runs again.',
    }
  if (error instanceof MailUnavailable)
    return {
      status: error.kind === 'temporary' ? 503 : 422,
      code: error.code,
      detail: error.message,
      remedy: error.remedy,
    }
  return stateOfFramework(error)
}

const stateOfFramework = (error: FastifyError): Stated => {
  if (hasZodFastifySchemaValidationErrors(error))
    return {
      status: 400,
      code: 'invalid-request',
      detail: 'The request does not have the documented form',
      remedy: 'Correct the fields that are listed.',
      errors: error.validation.map((issue) => ({
        path: `${error.validationContext ?? 'request'}${issue.instancePath}`,
        message: issue.message ?? 'is not valid',
      })),
    }
  if (isResponseSerializationError(error)) return internal
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return {
        status: 413,
        code: 'body-too-large',
        detail: 'The body is larger than this resource takes',
        remedy: 'Send less: attachments are uploaded one by one, 25 MB each at most.',
      }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return {
        status: 415,
        code: 'unsupported-media-type',
        detail: 'The body has a media type that this resource does not take',
        remedy: 'Send JSON as application/json.',
      }
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return {
        status: 400,
        code: 'malformed-json',
        detail: 'The body is not JSON',
        remedy: 'Send a JSON object in UTF-8.',
      }
    default:
  }
  const status = error.statusCode ?? 500
  if (status < 400 || status >= 500) return unavailable.has(error.code) ? databaseAway : internal
  return {
    status,
    code: 'bad-request',
    detail: 'The request cannot be understood',
    remedy: 'Check it against the API description at /docs.',
  }
}

const internal: Stated = {
  status: 500,
  code: 'internal',
  detail: 'Something went wrong on our side; nothing was half done',
  remedy:
    'Send the request again with the same Idempotency-Key; tell the operator the trace id if it goes on.',
}

// Connection refused or reset, shut down, starting up, too many connections (PostgreSQL appendix A).
const unavailable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '08006',
])

const databaseAway: Stated = {
  status: 503,
  code: 'database-away',
  detail: 'The database does not answer',
  remedy: 'Try again in a moment; the same Idempotency-Key makes the repeat safe.',
}
