import http from 'node:http'
import type { Duplex } from 'node:stream'
import { callbackify } from 'node:util'
import type { PostJson, Posted } from '../../commands/ports/webhooks.ts'
import { HTTPS_PORT } from '../network/fetch-text.ts'
import type { EgressGuard } from '../network/egress-guard.ts'
import { networkProblemOf } from '../network/problems.ts'

const HTTP_PORT = 80
/** An unused connection is kept for this long. */
const IDLE_MS = 10_000
/** Of an answer nothing but its status counts; one that is longer costs its connection. */
const MOST_READ = 65_536

/**
 * Posts JSON to hosts that users name, each connection checked by the guard: over https, or without TLS where the
 * operator allows it. Redirects are answers like others. An answer that is not there after `timeoutMs` is none.
 */
export const jsonPoster = (
  guard: EgressGuard,
  timeoutMs: number,
): { readonly post: PostJson; readonly close: () => void } => {
  const agents = { 'https:': guardedAgent(guard, 'tls'), 'http:': guardedAgent(guard, 'none') }
  const post: PostJson = async (url, headers, body, signal) => {
    const { protocol, hostname, port, pathname, search, host } = new URL(url)
    const limit = AbortSignal.timeout(timeoutMs)
    try {
      const request = http.request({
        method: 'POST',
        agent: agents[protocol as keyof typeof agents],
        host: hostname,
        port: port === '' ? (protocol === 'https:' ? HTTPS_PORT : HTTP_PORT) : Number(port),
        path: `${pathname}${search}`,
        headers: {
          ...headers,
          host,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'Mailtrail',
        },
        signal: AbortSignal.any([signal, limit]),
      })
      return await answerTo(request, body)
    } catch (error) {
      if (limit.aborted) return { status: null, problem: 'timed-out' }
      return { status: null, problem: networkProblemOf(error) ?? 'connection-lost' }
    }
  }
  return { post, close: () => Object.values(agents).forEach((agent) => agent.destroy()) }
}

const answerTo = (request: http.ClientRequest, body: string): Promise<Posted> =>
  new Promise((resolve, reject) => {
    request.once('response', (response) => {
      const { statusCode = 0, headers } = response
      let read = 0
      response.on('data', (chunk: Buffer) => {
        read += chunk.length
        if (read > MOST_READ) response.destroy()
      })
      // Whether its rest comes or not: it was answered.
      response.on('error', () => {})
      response.once('close', () =>
        resolve({ status: statusCode, retryAfterMs: retryAfter(headers['retry-after']) }),
      )
    })
    request.once('error', reject)
    request.end(body)
  })

/** In milliseconds from now (RFC 9110 10.2.3); null where it says nothing that can be read. */
const retryAfter = (text: string | undefined): number | null => {
  if (text === undefined) return null
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isNaN(ms) ? null : Math.max(ms, 0)
}

const guardedAgent = (guard: EgressGuard, encryption: 'tls' | 'none'): http.Agent => {
  const open = async (host: string, port: number): Promise<Duplex> => {
    const checked = await guard.check({ host, port, encryption }, [HTTPS_PORT, HTTP_PORT])
    const socket = await guard.connect(checked, new AbortController().signal)
    return encryption === 'tls' ? guard.secure(socket, checked.server.host) : socket
  }
  const agent = new http.Agent({ keepAlive: true, timeout: IDLE_MS })
  agent.createConnection = ({ host, port }, done) => {
    if (done) callbackify(open)(String(host), Number(port), done)
    return undefined
  }
  return agent
}
