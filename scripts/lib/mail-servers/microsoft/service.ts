import { createServer } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { KeyPair } from '../tls.ts'
import { pause } from '../../../../src/std/pause.ts'
import { notFound, refused, type Answer, type Routes } from './call.ts'
import { graphMailbox, type GraphMailbox } from './mailbox.ts'
import { readingRoutes, type ReadingFaults } from './reading.ts'
import { subscriptionRoutes } from './subscriptions.ts'
import { writingRoutes, type SentMail, type WritingFaults } from './writing.ts'

/** More requests for one mailbox at once are refused. */
const AT_ONCE = 4

type GraphFaults = ReadingFaults &
  WritingFaults & {
    /** Answers everything with this status, and `Retry-After` where that is set. */
    status?: number
    retryAfterSeconds?: number
    /** How long each request takes at least. */
    latencyMs?: number
    /** Called before each request; what it returns is the answer, and `cut` hangs up. */
    before?: (request: Recorded) => Answer | 'cut' | null | Promise<Answer | 'cut' | null>
  }

/** A request as it came; of a link that the service itself gave out, `isLink`. */
type Recorded = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly prefer: string
  readonly isLink: boolean
}

export type Graph = {
  readonly url: string
  readonly port: number
  readonly faults: GraphFaults
  readonly requests: Recorded[]
  /** The most requests for a mailbox that were there at once. */
  readonly mostAtOnce: () => number
  /** Everything that was sent, in order. */
  readonly sent: readonly SentMail[]
  readonly subscriptions: Pick<ReturnType<typeof subscriptionRoutes>, 'all' | 'tellLifecycle'>
  addMailbox(address: string, token: string): GraphMailbox
  /** From now on this token and no other opens the mailbox. */
  renewToken(mailbox: GraphMailbox, token: string): void
  forget(mailbox: GraphMailbox, folderId?: string): void
  close(): Promise<void>
}

type Matcher = { readonly method: string; readonly pattern: RegExp; readonly answer: Routes[string] }

const matchersOf = (routes: Routes): Matcher[] =>
  Object.entries(routes).map(([route, answer]) => {
    const [method = '', path = ''] = route.split(' ')
    const pattern = path.replaceAll('$', String.raw`\$`).replaceAll('{id}', '([^/]+)')
    return { method, pattern: new RegExp(`^${pattern}$`), answer }
  })

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/**
 * Microsoft Graph's mail on loopback, over TLS: folders and messages with immutable ids, deltas by opaque tokens,
 * drafts, upload sessions, subscriptions, throttling. What is sent to one of its own mailboxes is delivered.
 */
export const startGraph = async (
  tls: KeyPair,
  ca: string,
  /** Whom an access token is for, beside those that `addMailbox` names; null for nobody. */
  personOf: (token: string) => { readonly id: string; readonly address: string } | null = () => null,
): Promise<Graph> => {
  const mailboxes = new Map<string, GraphMailbox>()
  const faults: GraphFaults = {}
  const requests: Recorded[] = []
  const sent: SentMail[] = []
  const running = new Map<GraphMailbox, number>()
  const links = new Set<string>()
  let mostAtOnce = 0

  const deliver = (mail: SentMail): void => {
    sent.push(mail)
    const { raw, attachments } = mail.message
    for (const mailbox of mailboxes.values())
      if (mail.recipients.includes(mailbox.address))
        mailbox.add(mailbox.folder('inbox')!.id, raw, { attachments })
  }
  const reading = readingRoutes(faults)
  const writing = writingRoutes(faults, deliver)
  const subscriptions = subscriptionRoutes(ca)
  const ofMailbox = matchersOf({ ...reading.routes, ...writing.routes })
  const ofAll = matchersOf(subscriptions.routes)

  const noteLinks = (json: unknown): void => {
    for (const name of ['@odata.nextLink', '@odata.deltaLink']) {
      const link: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, name) : null
      if (typeof link === 'string') links.add(new URL(link).search)
    }
  }

  const mailboxOf = (token: string): GraphMailbox | undefined => {
    const address = personOf(token)?.address
    return mailboxes.get(token) ?? mailboxes.values().find((mailbox) => mailbox.address === address)
  }

  const routed = async (request: IncomingMessage, url: URL, body: Buffer): Promise<Answer> => {
    const token = (request.headers.authorization ?? '').replace(/^Bearer /, '')
    const person = personOf(token)
    const mailbox = mailboxOf(token)
    if (mailbox === undefined) return refused(401, 'InvalidAuthenticationToken')
    if (person !== null && url.pathname === '/v1.0/me')
      return { status: 200, json: { id: person.id, mail: person.address, userPrincipalName: person.address } }
    const path = decodeURI(url.pathname)
      .replace(/^\/v1\.0\//, '')
      .replaceAll('()', '')
    const mine = /^(?:me|users\/[^/]+)\/(.*)$/.exec(path)?.[1]
    const method = request.method ?? ''
    const asked = mine ?? path
    const matcher = (mine === undefined ? ofAll : ofMailbox).find(
      (each) => each.method === method && each.pattern.test(asked),
    )
    if (matcher === undefined) return refused(404, 'ResourceNotFound')
    const prefer = String(request.headers['prefer'] ?? '')
    return matcher.answer({
      mailbox,
      ids: matcher.pattern.exec(asked)!.slice(1).map(decodeURIComponent),
      query: url.searchParams,
      headers: request.headers,
      body,
      base: `https://${request.headers.host}/v1.0`,
      isImmutable: prefer.includes('IdType="ImmutableId"'),
      pageSize: Number(/odata\.maxpagesize=(\d+)/.exec(prefer)?.[1] ?? 0) || null,
    })
  }

  /** Counts what is under way for a mailbox, and refuses what is too much. */
  const paced = async (request: IncomingMessage, url: URL, body: Buffer): Promise<Answer> => {
    const mailbox = mailboxOf((request.headers.authorization ?? '').replace(/^Bearer /, ''))
    if (mailbox === undefined) return routed(request, url, body)
    const now = (running.get(mailbox) ?? 0) + 1
    mostAtOnce = Math.max(mostAtOnce, now)
    running.set(mailbox, now)
    try {
      await pause(faults.latencyMs ?? 0)
      if (now > AT_ONCE)
        return {
          ...refused(429, 'ApplicationThrottled', 'MailboxConcurrency'),
          headers: { 'retry-after': '1' },
        }
      return await routed(request, url, body)
    } finally {
      running.set(mailbox, running.get(mailbox)! - 1)
    }
  }

  const answerTo = async (request: IncomingMessage): Promise<Answer | 'cut'> => {
    const url = new URL(request.url ?? '', 'https://localhost')
    const body = await bodyOf(request)
    const recorded = {
      method: request.method ?? '',
      path: decodeURI(url.pathname),
      query: url.searchParams,
      prefer: String(request.headers['prefer'] ?? ''),
      isLink: links.has(url.search),
    }
    requests.push(recorded)
    const first = (await faults.before?.(recorded)) ?? null
    if (first !== null) return first
    const { status, retryAfterSeconds: wait } = faults
    if (status !== undefined)
      return {
        ...refused(status, 'Refused'),
        headers: wait === undefined ? {} : { 'retry-after': String(wait) },
      }
    const key = /^\/uploads\/([^/]+)$/.exec(url.pathname)?.[1]
    if (key !== undefined)
      return request.method === 'PUT' ? writing.upload(key, request.headers, body) : notFound()
    return paced(request, url, body)
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = await answerTo(request)
    if (answer === 'cut' || answer.hangUp === true) return void response.destroy()
    const { status, json, bytes, headers = {} } = answer
    noteLinks(json)
    const type: Record<string, string> = json === undefined ? {} : { 'content-type': 'application/json' }
    response.writeHead(status, { ...type, ...headers })
    response.end(bytes ?? (json === undefined ? undefined : JSON.stringify(json)))
  }

  const server = createServer(tls, (request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `https://localhost:${port}`,
    port,
    faults,
    requests,
    mostAtOnce: () => mostAtOnce,
    sent,
    subscriptions,
    addMailbox: (address, token) => {
      const mailbox = graphMailbox(address)
      mailboxes.set(token, mailbox)
      return mailbox
    },
    renewToken: (mailbox, token) => {
      for (const [old, of] of mailboxes) if (of === mailbox) mailboxes.delete(old)
      mailboxes.set(token, mailbox)
    },
    forget: (mailbox, folderId) => reading.forget(mailbox, folderId ?? null),
    close: () =>
      new Promise((resolve) => {
        subscriptions.close()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
