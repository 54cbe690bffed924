import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors, isResponseSerializationError } from 'fastify-type-provider-zod'
import { isOutage, NotCaughtUp } from '../../commands/outage.ts'
import { ContentUnreliable } from '../../commands/ports/blobs.ts'
import { StaleRevision } from '../../commands/revisions.ts'
import {
  AppendTooLarge,
  ForeignPosition,
  RevisionConflict,
  StoreUnavailable,
} from '../../commands/ports/event-log.ts'
import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import { NotFound } from '../../domain/decider.ts'
import type { Json } from '../../domain/event.ts'
import { definedCodes, internalError, Refused, type CodeDefinition } from '../../domain/refusal.ts'
import { UnknownShape } from '../../domain/upcast.ts'
import { notCaughtUp } from './freshness.ts'
import { invalidForm } from './invalid-request.ts'
import { defineProblem, HttpProblem, sendProblem } from './problems.ts'

/** Answers an error as a problem. Unexpected errors are logged, and the answer shows only the trace id. */
export const answerError = (
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply => {
  const answer = problemOf(error, request)
  if (answer.status >= 500 && answer !== error) request.log.error({ err: error }, 'request failed')
  return sendProblem(request, reply, answer)
}

const notFound = defineProblem(404, 'not-found', {
  title: 'Not found',
  meaning: 'There is nothing with this id, or the acting user may not see it.',
  remedy: 'Check the id against the list of the resource.',
})
const staleVersion = defineProblem(412, 'stale-version', {
  title: 'Version out of date',
  meaning: 'Somebody has changed the resource since it was read. This request changed nothing.',
  remedy: 'Read it again, apply the change to the new version, and send its ETag as If-Match.',
})
const invalidPosition = defineProblem(400, 'invalid-position', {
  title: 'Invalid position',
  meaning: 'The position is not one of this event log.',
  remedy: 'Send a position exactly as an answer gave it, or leave it out.',
})
const conflict = defineProblem(409, 'conflict', {
  title: 'Conflict',
  meaning: 'Others kept changing the same resource at the same time. This request changed nothing.',
  remedy: 'Send the request again.',
})
export const bodyTooLarge = defineProblem(413, 'body-too-large', {
  title: 'Request too large',
  meaning: 'The body is larger than this operation accepts.',
  remedy: 'Send less: upload files one by one, at most 25 MB each.',
})
export const urlTooLong = defineProblem(414, 'url-too-long', {
  title: 'URL too long',
  meaning: 'The URL is longer than any that the API has.',
  remedy: 'Send a shorter URL; see /docs for the available operations.',
})
const eventLogUnavailable = defineProblem(503, 'event-log-unavailable', {
  title: 'Event log unavailable',
  meaning: 'The event log is not responding, so it is not known whether the request was recorded.',
  remedy: 'Send the request again with the same Idempotency-Key: it takes effect only once.',
})
const newerVersionNeeded = defineProblem(503, 'newer-version-needed', {
  title: 'Newer version required',
  meaning: 'A newer version of the software recorded something that this version cannot read.',
  remedy: 'Try again once the newer version is running.',
})
const databaseUnavailable = defineProblem(503, 'database-unavailable', {
  title: 'Database unavailable',
  meaning: 'The database is not responding. Everything that was acknowledged is safe.',
  remedy: 'Try again in a moment; with the same Idempotency-Key a repeat is safe.',
})
const mailServerUnavailable = defineProblem(503, 'mail-server-unavailable', {
  title: 'Mail server unavailable',
  meaning: 'The mail server cannot be used right now.',
  remedy: 'Test the connection of the account to find out why.',
})
const unsupportedMediaType = defineProblem(415, 'unsupported-media-type', {
  title: 'Unsupported media type',
  meaning: 'This operation does not accept a body of this media type.',
  remedy: 'Send JSON as application/json.',
})
const malformedJson = defineProblem(400, 'malformed-json', {
  title: 'Malformed JSON',
  meaning: 'The body is not valid JSON in UTF-8.',
  remedy: 'Send a JSON object in UTF-8.',
})
const badRequest = defineProblem(400, 'bad-request', {
  title: 'Bad request',
  meaning: 'The request cannot be understood.',
  remedy: 'Check it against the API description at /docs.',
})

const problemOf = (error: FastifyError, request: FastifyRequest): HttpProblem => {
  if (error instanceof HttpProblem) return error
  const { message: detail } = error
  if (error instanceof Refused) return inWordsOf(error, statusOf(definedCodes.get(error.code)), error.details)
  if (error instanceof NotFound) return notFound({ detail })
  if (error instanceof StaleRevision) {
    const { actual, changes } = error
    const expected = request.headers['if-match'] ?? null
    return staleVersion({
      details: { expected, actual: actual === null ? null : `"${actual}"`, changes },
    })
  }
  if (error instanceof ForeignPosition) return invalidPosition()
  if (error instanceof RevisionConflict) return conflict()
  if (error instanceof AppendTooLarge)
    return bodyTooLarge({
      detail: 'This is more than one entry of the event log can hold.',
      remedy: 'Send less at once: a shorter text or fewer recipients.',
    })
  if (error instanceof NotCaughtUp)
    return notCaughtUp({ detail, remedy: 'Retry after the seconds in Retry-After.', retryAfterSeconds: 1 })
  if (error instanceof StoreUnavailable) return eventLogUnavailable()
  if (error instanceof UnknownShape) return newerVersionNeeded()
  if (error instanceof ContentUnreliable) return new HttpProblem({ ...error.definition, status: 500 })
  if (error instanceof MailUnavailable) return inWordsOf(error, error.kind === 'temporary' ? 503 : 422)
  return problemOfFramework(error, request)
}

const statusOf = (definition: CodeDefinition | undefined): number =>
  definition?.isForbidden ? 403 : definition?.isConflict ? 409 : 422

/** An error with a code of its own, under that code's title. */
const inWordsOf = (
  { code, message, remedy }: Refused | MailUnavailable,
  status: number,
  details: Json = null,
): HttpProblem => {
  const definition = definedCodes.get(code) ?? mailServerUnavailable
  return new HttpProblem({ ...definition, status }, { detail: message, remedy, details })
}

const problemOfFramework = (error: FastifyError, request: FastifyRequest): HttpProblem => {
  if (hasZodFastifySchemaValidationErrors(error))
    return invalidForm(request, error.validationContext ?? 'request', error.validation)
  if (isResponseSerializationError(error)) return internal()
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return bodyTooLarge()
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return urlTooLong()
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return unsupportedMediaType()
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return malformedJson()
    default:
  }
  const status = error.statusCode ?? 500
  if (status < 400 || status >= 500) return isOutage(error) ? databaseUnavailable() : internal()
  return badRequest({ status })
}

const internal = (): HttpProblem =>
  new HttpProblem(
    { ...internalError, status: 500 },
    {
      detail: 'Something went wrong on our side; nothing was left half done.',
      remedy:
        'Send the request again with the same Idempotency-Key; if it keeps failing, tell the operator the trace id.',
    },
  )
