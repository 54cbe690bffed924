import type { FastifyReply, FastifyServerOptions } from 'fastify'
import { randomUUID } from 'node:crypto'
import { bodyTooLarge, urlTooLong } from './answer-error.ts'
import { defineProblem, problemBody, type HttpProblem } from './problems.ts'
import type { App } from './server.ts'

type ClientErrorHandler = NonNullable<FastifyServerOptions['clientErrorHandler']>
type ClientError = Parameters<ClientErrorHandler>[0]
type Socket = Parameters<ClientErrorHandler>[1]

const malformedRequest = defineProblem(400, 'malformed-request', {
  title: 'Malformed request',
  meaning: 'What was sent is not a request in HTTP/1.1 (RFC 9112).',
  remedy: 'Send it with an HTTP client, and to the port of the API.',
})
export const requestTimeout = defineProblem(408, 'request-timeout', {
  title: 'Request timed out',
  meaning: 'The request did not arrive as a whole in time.',
  remedy: 'Send it again over a faster connection, or send less at once.',
})
const headersTooLarge = defineProblem(431, 'headers-too-large', {
  title: 'Headers too large',
  meaning: 'The headers of the request have more than 16 KB together.',
  remedy: 'Send fewer or shorter headers.',
})

const notAProxy = defineProblem(501, 'not-a-proxy', {
  title: 'Not a proxy',
  meaning: 'CONNECT asks for a tunnel to another server, which this one does not open.',
  remedy: 'Send requests to this server itself, and check the proxy settings of the client.',
})

const problemOf = ({ code, rawPacket }: ClientError): HttpProblem => {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return requestTimeout()
    case 'HPE_HEADER_OVERFLOW':
      return isRequestLine(rawPacket) ? urlTooLong() : headersTooLarge()
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return bodyTooLarge()
    default:
      return malformedRequest()
  }
}

/** Whether the limit was reached within the first line, which has the URL. */
const isRequestLine = (packet: unknown): boolean =>
  Buffer.isBuffer(packet) && /^[A-Z]+ [^\r\n]{10000}/.test(packet.toString('latin1', 0, 16_384))

const LINGER_MS = 1000

/** Answers a problem and closes. What is still being sent is thrown away: a reset would take the answer along. */
const refuse = (socket: Socket, problem: HttpProblem): void => {
  if (!socket.writable) return
  socket.end(inText(problem))
  const end = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('end', () => socket.destroy()).once('close', () => clearTimeout(end))
  socket.resume()
}

/**
 * Answers with a problem, too, what is refused before there is a request: by the HTTP parser, and by its time-outs. A
 * request that is still being answered is answered first; one that has its answer gets no other.
 */
export const wireErrors = () => {
  const answering = new WeakMap<Socket, FastifyReply['raw']>()
  /** What reads its body itself, and says itself when it takes too long. */
  const streaming = new WeakSet<FastifyReply['raw']>()
  const answer: ClientErrorHandler = (error, socket) => {
    const give = () => refuse(socket, problemOf(error))
    const last = answering.get(socket)
    const isBetween = !last || (last.writableFinished && last.req.complete)
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && last && !isBetween && streaming.has(last)) return
    if (error.code === 'ECONNRESET') socket.destroy()
    else if (isBetween) give()
    else if (last.req.complete) last.once('finish', give)
    else if (last.headersSent) socket.destroy()
    else give()
  }
  return {
    answer,
    /** Notes which connections are being answered, and takes over the refusals that the server makes by itself. */
    watch: (app: App): void => {
      app.addHook('onRequest', async ({ raw, headers, routeOptions }, reply) => {
        answering.set(raw.socket, reply.raw)
        if (routeOptions.config.streamsBody) streaming.add(reply.raw)
        if (headers.host === undefined && raw.httpVersion === '1.1') throw malformedRequest()
      })
      // Nobody is refused for an expectation that we do not know (RFC 9110 10.1.1).
      app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))
      // Otherwise Node closes the connection without a word.
      app.server.on('connect', (_request, stream) => {
        const socket = stream as Socket
        const last = answering.get(socket)
        // It is nobody's any more, so that nobody else listens.
        socket.on('error', () => socket.destroy())
        if (!last || last.writableFinished) refuse(socket, notAProxy())
        else last.once('finish', () => refuse(socket, notAProxy()))
      })
    },
  }
}

const inText = (problem: HttpProblem): string => {
  const traceId = randomUUID()
  const body = JSON.stringify(problemBody(problem, traceId))
  const headers = {
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    'x-request-id': traceId,
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${problem.status} ${problem.title}`, ...lines, '', body].join('\r\n')
}
