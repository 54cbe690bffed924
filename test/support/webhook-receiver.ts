import http from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import type { Test } from 'tap'

/** What was posted for an event. */
type Posted = {
  readonly id: string
  readonly type: string
  readonly stream: string
  readonly revision: number
  readonly position: string
  readonly previousPosition: string | null
  readonly data?: Record<string, unknown>
}

/**
 * Of a request: what it posts, and how often this event came by now, from 1. `accept-and-fail`: its answer gets lost on the
 * way.
 */
type Answering = (
  posted: Posted,
  attempt: number,
) => number | 'hang' | 'accept-and-fail' | { readonly retryAfter: string }

/**
 * A receiver of webhooks on loopback, which keeps what it accepted. `secrets` verify what comes, by the library of
 * Standard Webhooks itself; what does not verify with each of them is an error.
 */
export const webhookReceiver = async (t: Pick<Test, 'teardown'>) => {
  const accepted: Posted[] = []
  const attempts = new Map<string, number>()
  const errors: string[] = []
  let secrets: readonly string[] = []
  let answering: Answering = () => 204
  const verify = (body: string, headers: Record<string, string>): void => {
    for (const secret of secrets)
      try {
        new Webhook(secret).verify(body, headers)
      } catch (error) {
        errors.push(String(error))
      }
  }
  const receive = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const body = Buffer.concat(await request.toArray()).toString('utf8')
    verify(body, request.headers as Record<string, string>)
    const posted = JSON.parse(body) as Posted
    if (posted.id !== request.headers['webhook-id']) errors.push(`${posted.id} came under another id`)
    const attempt = (attempts.get(posted.id) ?? 0) + 1
    attempts.set(posted.id, attempt)
    const answer = answering(posted, attempt)
    if (answer === 'hang') return
    if (answer === 'accept-and-fail') {
      accepted.push(posted)
      response.destroy()
      return
    }
    if (typeof answer === 'object') {
      response.writeHead(503, { 'retry-after': answer.retryAfter }).end()
      return
    }
    if (answer < 300) accepted.push(posted)
    response.writeHead(answer).end('thank you')
  }
  const server = http.createServer((request, response) => void receive(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hooks?from=mailtrail`,
    port,
    accepted,
    attempts,
    errors,
    answer: (by: Answering) => (answering = by),
    verifyWith: (...known: string[]) => (secrets = known),
  }
}

/** Settings with which the service posts to a receiver. */
export const postsTo = ({ port }: { readonly port: number }) => ({
  ports: [port],
  env: { MAILTRAIL_CLEAR_TEXT_HOSTS: '127.0.0.1', MAILTRAIL_WEBHOOK_TIMEOUT_SECONDS: '0.5' },
})
