import type { Context, Middleware } from '@microsoft/microsoft-graph-client'
import https from 'node:https'
import type { IncomingMessage } from 'node:http'
import { MailUnavailable } from '../../commands/ports/mail-provider.ts'
import { networkProblemOf, unreachable } from '../network/problems.ts'
import { unavailable } from './problems.ts'

/** The longest silence of the server, and the longest that a request may take. */
const SILENCE_MS = 60_000
const TOTAL_MS = 300_000

/** `mostBytes`: a longer answer is not taken. */
type Limits = { readonly mostBytes: number; readonly signal: AbortSignal }

/** An answer is longer than what is taken. */
export class TooLong extends Error {
  override readonly name = 'TooLong'
}

/**
 * The last of the client's middleware: one HTTPS request over Node, because the client's own `fetch` has no bounds. Its
 * errors are MailUnavailable or TooLong. `told` gets what came of it, since the client wraps what is thrown, and forgets
 * the headers of an answer that it does not understand.
 */
export const transport = (
  agent: https.Agent,
  { mostBytes, signal }: Limits,
  told: (outcome: Response | Error) => void,
): Middleware => ({
  execute: async (context: Context) => {
    try {
      context.response = await fetched(agent, context, { mostBytes, signal })
      told(context.response)
    } catch (error) {
      const known = error instanceof MailUnavailable || error instanceof TooLong
      const ours = known ? error : signal.aborted ? unreachable('stopped') : lost(error)
      told(ours)
      throw ours
    }
  },
})

const lost = (error: unknown): MailUnavailable => unreachable(networkProblemOf(error) ?? 'connection-lost')

const fetched = async (agent: https.Agent, context: Context, limits: Limits): Promise<Response> => {
  // The type of `request` is one of browsers; here it is always the whole address.
  const { options = {} } = context
  const url = String(context.request)
  const late = AbortSignal.timeout(TOTAL_MS)
  const asked = https.request(url, {
    agent,
    method: options.method ?? 'GET',
    headers: Object.fromEntries(new Headers(options.headers)),
    signal: AbortSignal.any([limits.signal, late]),
    timeout: SILENCE_MS,
  })
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  asked.once('timeout', () => asked.destroy(unreachable('timed-out')))
  asked.on('error', (error) => reject(late.aborted ? unreachable('timed-out') : error))
  asked.once('response', resolve)
  const { body } = options
  asked.end(typeof body === 'string' || body instanceof Uint8Array ? body : undefined)
  const response = await promise
  const bytes = await read(response, limits.mostBytes)
  const status = response.statusCode ?? 0
  if (status < 200 || status > 599) throw unavailable('outlook-answer-unknown')
  const headers = new Headers()
  for (const [name, value] of Object.entries(response.headers)) headers.set(name, String(value))
  return new Response(bytes.length === 0 ? null : bytes, { status, headers })
}

const read = async (response: IncomingMessage, mostBytes: number): Promise<Buffer<ArrayBuffer>> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > mostBytes) throw new TooLong()
    chunks.push(chunk)
  }
  if (!response.complete) throw unreachable('connection-lost')
  return Buffer.concat(chunks)
}
