import { definedCodes } from '../../domain/refusal.ts'
import { bodyExamples } from './body-examples.ts'
import { describeSchema, type Schema } from './describe-schemas.ts'
import { pascal } from './operation-id.ts'
import { problemsOf, type OperationFacts } from './operation-problems.ts'

/** Bytes, of a media type that is named beside it. */
export const binary = { type: 'string', format: 'binary' } as const

type Media = { schema: Schema; example?: unknown }
type Header = { description: string; schema: Schema }
export type Answer = {
  $ref?: string
  description?: string
  headers?: Record<string, Header>
  content?: Record<string, Media>
}
export type Operation = {
  operationId: string
  tags?: string[]
  summary?: string
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[]
  requestBody?: { required?: boolean; content: Record<string, Media> }
  responses: Record<string, Answer>
  security?: unknown[]
  'x-permission'?: string
}

/**
 * Completes an operation: its headers, an example of its body, and every problem that it may answer. Answers that many
 * operations have go into `shared`, by name.
 */
export const describeOperation = (
  method: string,
  operation: Operation,
  shared: Record<string, Answer>,
): void => {
  const { operationId, parameters = [], requestBody, responses } = operation
  for (const { schema } of parameters) describeSchema(schema)
  for (const [type, media] of Object.entries(requestBody?.content ?? {})) {
    describeSchema(media.schema)
    if (type === 'application/json') media.example = bodyExamples[operationId]
  }
  const facts = factsOf(method, operation)
  for (const [status, answer] of Object.entries(responses)) {
    if (!/^2\d\d$/.test(status)) continue
    if (answer.description === 'Default Response') answer.description = whatIsAnswered(status, operation)
    if (status === '204') delete answer.content
    for (const [type, media] of Object.entries(answer.content ?? {})) {
      if (type !== 'application/json') media.schema = type.startsWith('text/') ? { type: 'string' } : binary
      describeSchema(media.schema)
    }
    const headers = headersOf(facts, status)
    if (Object.keys(headers).length > 0) answer.headers = headers
  }
  const problems = [...problemsOf(facts)].map(([status, codes]): [string, Answer] => {
    const answer = problemAnswer(status, codes)
    if (codes.length > 2) return [String(status), answer]
    const name = codes.map(pascal).join('Or')
    shared[name] = answer
    return [String(status), { $ref: `#/components/responses/${name}` }]
  })
  if (method === 'GET' && facts.takes.has('if-none-match'))
    responses['304'] = {
      description: 'Not modified: it is what the client has already',
      headers: { ...etag, ...limited },
    }
  const answers = Object.entries(responses).filter(([status]) => /^(2\d\d|304)$/.test(status))
  operation.responses = Object.fromEntries([...answers, ...problems])
}

const factsOf = (
  method: string,
  { operationId, parameters = [], requestBody, security }: Operation,
): OperationFacts => {
  const types = Object.keys(requestBody?.content ?? {})
  return {
    id: operationId,
    method,
    isPublic: security?.length === 0,
    hasParams: parameters.some((each) => each.in === 'path'),
    takes: new Set(parameters.filter((each) => each.in !== 'path').map(({ name }) => name)),
    mustMatch: parameters.some(({ name, required }) => name === 'if-match' && required === true),
    body: types.length === 0 ? null : types.includes('application/json') ? 'json' : 'bytes',
  }
}

const whatIsAnswered = (status: string, { summary }: Operation): string =>
  ({ 201: 'Created', 202: 'Accepted', 204: 'Done; there is nothing to answer' })[status] ??
  `Done: ${summary ?? ''}`

const text = (description: string): Header => ({ description, schema: { type: 'string' } })

const etag = { ETag: text('The version, for `If-Match` and `If-None-Match`') }
const changed = {
  ...etag,
  'Event-Position': text(
    'Position of the change in the event log, for `min_position`; none if nothing changed',
  ),
}
const repeated = {
  'Idempotent-Replayed': text(
    '`true` if this is the answer to an earlier request with the same `Idempotency-Key`',
  ),
}
const retryAfter = { 'Retry-After': { description: 'Seconds to wait', schema: { type: 'integer' } } }

const limited = {
  RateLimit: text('How many requests the key has left, and for how many seconds the minute still runs'),
  'RateLimit-Policy': text('How many requests a key has a minute'),
}
const nextPage = { Link: text('The next page, as `rel="next"`; none on the last') }

const headersOf = ({ method, isPublic, takes }: OperationFacts, status: string): Record<string, Header> => {
  if (isPublic) return {}
  if (method === 'GET')
    return {
      ...(takes.has('if-none-match') ? etag : {}),
      ...limited,
      ...(takes.has('cursor') ? nextPage : {}),
    }
  return {
    ...changed,
    ...limited,
    ...(takes.has('idempotency-key') ? repeated : {}),
    ...(status === '201' ? { Location: text('URL of what was created; where it can be read') } : {}),
  }
}

const challenge = { 'WWW-Authenticate': text('How to sign in, and what was wrong (RFC 6750)') }
const headersOfProblem: Readonly<Record<number, Record<string, Header>>> = {
  401: challenge,
  409: retryAfter,
  429: retryAfter,
  503: retryAfter,
}

const problemAnswer = (status: number, codes: readonly string[]): Answer => ({
  description: codes.map((code) => `\`${code}\`: ${definedCodes.get(code)?.title ?? ''}`).join('. '),
  ...(headersOfProblem[status] ? { headers: headersOfProblem[status] } : {}),
  content: {
    'application/problem+json': {
      schema: {
        allOf: [
          { $ref: '#/components/schemas/Problem' },
          { type: 'object', properties: { code: { type: 'string', enum: [...codes] } } },
        ],
      },
    },
  },
})
