import http from 'node:http'
import type { EgressGuard } from './egress-guard.ts'

export type FetchLimits = { readonly maxBytes: number; readonly maxRedirects: number }

/** The https port in use, and no other. */
export const HTTPS_PORT = 443

type Answer = { readonly text: string } | { readonly location: string } | null

/**
 * GET of a file over https, for hosts that users name: each host is checked by the guard, those that a redirect leads to
 * among them, and none but https on its own port is followed. Null for whatever is not an answer 200 of at most
 * `maxBytes` of UTF-8. No cookies, no credentials.
 * @throws MailUnavailable if a host cannot be reached or is not allowed
 */
export const fetchText = async (
  guard: EgressGuard,
  url: URL,
  { maxBytes, maxRedirects }: FetchLimits,
  signal: AbortSignal,
  port: number = HTTPS_PORT,
): Promise<string | null> => {
  let from = url
  for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
    const answer = await get(guard, from, maxBytes, signal, port)
    if (answer === null) return null
    if ('text' in answer) return answer.text
    const to = URL.parse(answer.location, from)
    if (to === null || to.protocol !== 'https:' || to.port !== '' || to.username !== '') return null
    from = to
  }
  return null
}

const get = async (
  guard: EgressGuard,
  { hostname, host, pathname, search }: URL,
  maxBytes: number,
  signal: AbortSignal,
  port: number,
): Promise<Answer> => {
  const checked = await guard.check({ host: hostname, port, encryption: 'tls' }, [port])
  const socket = await guard.secure(await guard.connect(checked, signal), checked.server.host)
  try {
    const request = http.get({
      createConnection: () => socket,
      path: `${pathname}${search}`,
      headers: { host, accept: 'text/xml, application/xml', connection: 'close' },
      signal,
    })
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      request.once('response', resolve)
      request.on('error', reject)
    })
    const { statusCode = 0, headers } = response
    if ([301, 302, 303, 307, 308].includes(statusCode) && headers.location !== undefined)
      return { location: headers.location }
    const text = statusCode === 200 ? await textIn(response, maxBytes) : null
    return text === null ? null : { text }
  } finally {
    socket.destroy()
  }
}

const textIn = async (response: AsyncIterable<Buffer>, maxBytes: number): Promise<string | null> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    size += chunk.length
    if (size > maxBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
