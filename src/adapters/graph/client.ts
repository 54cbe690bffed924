import { AuthenticationHandler, Client, GraphError, ResponseType } from '@microsoft/microsoft-graph-client'
import type https from 'node:https'
import { z } from 'zod'
import { MailUnavailable, type Access } from '../../commands/ports/mail-provider.ts'
import { pause } from '../../std/pause.ts'
import { unreachable } from '../network/problems.ts'
import type { TokenSource } from '../oauth/tokens.ts'
import type { gates } from './gate.ts'
import { problemOf, unavailable } from './problems.ts'
import { TooLong, transport } from './transport.ts'

/** Graph's JSON is small; bodies of messages are asked for with their own limit. */
const MOST_JSON_BYTES = 32 * 2 ** 20
/** A pause that Graph asks for is made in place if it is this short. */
const SHORT_WAIT_MS = 5000
const MOST_TRIES = 6
const MOST_TRIES_OF_READING = 3
const REST_MS = 300
/** Graph's names for a message that it can list, but not hand out. */
export const UNREADABLE = [
  'ErrorMimeContentConversionFailed',
  'ErrorContentConversionFailed',
  'ErrorItemCorrupt',
  'ErrorCorruptData',
]
/** Ids that stay when a message moves. Wherever one is used, all requests must ask for them. */
const IMMUTABLE = 'IdType="ImmutableId"'

export type ClientDeps = {
  readonly tokens: TokenSource
  /** Where Graph is, such as https://graph.microsoft.com. */
  readonly apiUrl: string
  readonly agent: https.Agent
  readonly gateOf: ReturnType<typeof gates>
}

type Ask = {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** With its query, encoded; or a whole address, such as that of an upload session. */
  readonly path: string
  /** A string is MIME in base64, bytes are a range of an upload, all else is sent as JSON. */
  readonly body?: string | Buffer | Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  readonly pageSize?: number
  /** Asks for bytes, at most so many. */
  readonly mostBytes?: number
}

/** An answer that is not what was asked for. `code` and `message` are Graph's own: to decide by, never to show. */
export class GraphRefusal extends Error {
  override readonly name = 'GraphRefusal'
  readonly status: number
  readonly code: string
  readonly said: string
  readonly until: Date | null

  constructor(status: number, code: string, said: string, until: Date | null) {
    super(`Graph answered ${status}`)
    this.status = status
    this.code = code
    this.said = said
    this.until = until
  }
}

/** Graph for one mailbox. Requests of all its clients take turns. */
export type GraphClient = {
  /** What Graph answers, or null where it answers nothing. @throws MailUnavailable, GraphRefusal */
  ask(request: Ask): Promise<unknown>
  /** The same, in the words of the port. @throws MailUnavailable */
  get<Answer>(path: string, more?: Pick<Ask, 'pageSize'>): Promise<Answer>
  /** The part of a link of Graph's that is asked for; null if it leads elsewhere. */
  pathOf(link: string): string | null
  readonly signal: AbortSignal
}

/** A refusal in the words of the port; all else unchanged. */
export const inOurWords = (error: unknown): unknown =>
  error instanceof GraphRefusal ? problemOf(error.status, error.until) : error

export const graphClient = (
  { tokens, apiUrl, agent, gateOf }: ClientDeps,
  access: Access,
  signal: AbortSignal,
): GraphClient => {
  const gate = gateOf(String(access.connection['address']).toLowerCase())
  const base = `${apiUrl}/v1.0/`
  const customHosts = new Set([new URL(apiUrl).hostname])

  const once = async (request: Ask, token: string): Promise<unknown> => {
    const outcomes: (Response | Error)[] = []
    const auth = new AuthenticationHandler({ getAccessToken: () => Promise.resolve(token) })
    const { mostBytes = MOST_JSON_BYTES } = request
    auth.setNext(transport(agent, { mostBytes, signal }, (outcome) => outcomes.push(outcome)))
    const client = Client.initWithMiddleware({ baseUrl: apiUrl, customHosts, middleware: auth })
    const asked = client.api(request.path).headers(headersOf(request))
    if (request.mostBytes !== undefined) asked.responseType(ResponseType.ARRAYBUFFER)
    try {
      const answer: unknown = await sent(asked, request)
      return answer ?? null
    } catch (error) {
      const [outcome] = outcomes
      if (outcome instanceof Error) throw outcome
      if (!(error instanceof GraphError)) throw unavailable('outlook-answer-unknown')
      throw refusalOf(error, untilOf(outcome?.headers.get('retry-after') ?? null))
    }
  }

  /** With a new token if the one at hand is not accepted. */
  const signedIn = async (request: Ask): Promise<unknown> => {
    const token = await tokens.accessToken(access, null, signal)
    try {
      return await once(request, token)
    } catch (error) {
      if (!(error instanceof GraphRefusal && error.status === 401)) throw error
      const renewed = await tokens.accessToken(access, token, signal)
      if (renewed === token) throw error
      return once(request, renewed)
    }
  }

  /** Waits as long as Graph asks for, if that is not long. */
  const patiently = async (request: Ask): Promise<unknown> => {
    for (let tries = 1; ; tries += 1) {
      const waitMs = (gate.until?.getTime() ?? 0) - Date.now()
      if (waitMs > SHORT_WAIT_MS) throw unavailable('outlook-throttled', gate.until)
      if (waitMs > 0) await pause(waitMs, signal)
      if (signal.aborted) throw unreachable('stopped')
      try {
        return await signedIn(request)
      } catch (error) {
        if (isRefusal(error, 429)) gate.until = error.until
        const restMs = restBeforeAgain(request, error, tries)
        if (restMs === null) throw error
        await pause(restMs, signal)
      }
    }
  }

  const ask: GraphClient['ask'] = (request) => gate.turn(() => patiently(request))
  return {
    signal,
    ask,
    get: async <Answer>(path: string, more: Pick<Ask, 'pageSize'> = {}) => {
      try {
        const answer = await ask({ path, ...more })
        if (typeof answer !== 'object' || answer === null) throw unavailable('outlook-answer-unknown')
        return answer as Answer
      } catch (error) {
        throw inOurWords(error)
      }
    },
    pathOf: (link) => (link.startsWith(base) ? link.slice(base.length - 1) : null),
  }
}

/**
 * How long to rest before a request is made again; null if it is not. One that was refused for their number was not done;
 * a reading one does no harm twice.
 */
const restBeforeAgain = ({ method = 'GET' }: Ask, error: unknown, tries: number): number | null => {
  if (isRefusal(error, 429)) return tries < MOST_TRIES && error.until !== null ? 0 : null
  if (method !== 'GET' || tries >= MOST_TRIES_OF_READING) return null
  if (isUnavailable(error)) return error.code === 'connection-lost' && tries === 1 ? 0 : null
  if (!(error instanceof GraphRefusal) || error.status < 500 || UNREADABLE.includes(error.code)) return null
  const askedMs = error.until === null ? tries * REST_MS : error.until.getTime() - Date.now()
  return askedMs > SHORT_WAIT_MS ? null : askedMs
}

const headersOf = ({ path, body, headers, pageSize }: Ask): Record<string, string> => ({
  ...(path.startsWith('/') ? { Prefer: preferOf(pageSize) } : {}),
  ...(typeof body === 'string' ? { 'Content-Type': 'text/plain' } : {}),
  ...headers,
})

const preferOf = (pageSize: number | undefined): string =>
  pageSize === undefined ? IMMUTABLE : `${IMMUTABLE}, odata.maxpagesize=${pageSize}`

const sent = (asked: ReturnType<Client['api']>, { method = 'GET', body }: Ask): Promise<unknown> => {
  switch (method) {
    case 'GET':
      return asked.get()
    case 'POST':
      return asked.post(body ?? '')
    case 'PATCH':
      return asked.patch(body)
    case 'PUT':
      return asked.put(body)
    case 'DELETE':
      return asked.delete()
  }
}

const refusalOf = ({ statusCode, code, message, body }: GraphError, until: Date | null): GraphRefusal => {
  // Where bytes were asked for, the client does not read what came instead.
  const bytes: unknown = body
  return new GraphRefusal(
    statusCode,
    bytes instanceof ArrayBuffer ? codeIn(bytes) : (code ?? ''),
    message,
    until,
  )
}

const errorBody = z.object({ error: z.object({ code: z.string() }) })

const codeIn = (bytes: ArrayBuffer): string => {
  try {
    return errorBody.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data?.error.code ?? ''
  } catch {
    return ''
  }
}

/** Seconds or a date (RFC 9110 10.2.3). */
const untilOf = (retryAfter: string | null): Date | null => {
  if (retryAfter === null) return null
  const seconds = Number(retryAfter)
  const ms = Number.isNaN(seconds) ? Date.parse(retryAfter) : Date.now() + seconds * 1000
  return Number.isNaN(ms) ? null : new Date(ms)
}

/** True for an answer with one of these statuses. */
export const isRefusal = (error: unknown, ...statuses: readonly number[]): error is GraphRefusal =>
  error instanceof GraphRefusal && statuses.includes(error.status)

export const isTooLong = (error: unknown): boolean => error instanceof TooLong
const isUnavailable = (error: unknown): error is MailUnavailable => error instanceof MailUnavailable
