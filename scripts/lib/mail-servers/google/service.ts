import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  googleError,
  type Answer,
  type Call,
  type Fault,
  type OnTaken,
  type PushEndpoint,
  type SentMail,
} from './calls.ts'
import { emulator } from './emulator.ts'
import { gmailMailbox, type GmailMailbox } from './mailbox.ts'
import { startPubSub } from './pub-sub.ts'
import { routeOf } from './routes.ts'

export type Google = {
  readonly url: string
  readonly port: number
  /** May answer in the service's place; `nth` counts the requests. */
  fault: (call: Call, nth: number) => Fault | null | Promise<Fault | null>
  taken: OnTaken<SentMail>
  /** Everything that was sent, as its recipients got it. */
  readonly sent: readonly SentMail[]
  /** What was asked, and the units that it cost, by address. */
  readonly units: ReadonlyMap<string, number>
  addMailbox(address: string, token: string): GmailMailbox
  /** Where Pub/Sub pushes what is published for a watched mailbox, and for whom it signs that. */
  readonly pushTo: (deliver: PushEndpoint, audience?: string) => void
  readonly isWatched: (address: string) => boolean
  close(): Promise<void>
}

/**
 * Gmail on loopback: the emulator from npm, and in front of it what that lacks. Mail to one of its own mailboxes is
 * delivered.
 */
export const startGoogle = async (
  /** Whose mailbox an access token opens, beside those that `addMailbox` names; null for none. */
  addressOf: (token: string) => string | null = () => null,
): Promise<Google> => {
  const behind = emulator('http://localhost')
  const mailboxes = new Map<string, GmailMailbox>()
  const units = new Map<string, number>()
  const sent: SentMail[] = []
  let nth = 0
  const pubSub = await startPubSub()

  const callOf = async (request: IncomingMessage): Promise<Omit<Call, 'mailbox'>> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const url = new URL(request.url ?? '', 'http://localhost')
    return {
      method: request.method ?? '',
      path: url.pathname.replace(/^(?:\/upload)?\/gmail\/v1\/users\/me\//, ''),
      query: url.searchParams,
      body: Buffer.concat(chunks),
      contentType: request.headers['content-type'] ?? '',
      token: (request.headers.authorization ?? '').replace(/^Bearer /, ''),
    }
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const say = ({ status, json, headers = {} }: Answer): void => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(json === undefined ? '' : JSON.stringify(json))
    }
    const asked = await callOf(request)
    if (asked.path === '/oauth2/v3/certs') return say(pubSub.keys())
    const opened = mailboxes.entries().find(([token, { address }]) => {
      return token === asked.token || address === addressOf(asked.token)
    })
    if (opened === undefined) return say(googleError(401, 'authError'))
    const [token, mailbox] = opened
    const call = { ...asked, token, mailbox }
    nth += 1
    const fault = await google.fault(call, nth)
    if (fault === 'lost') return void response.destroy()
    if (fault !== null && fault !== 'unanswered') return say(fault)
    const { cost, answer: route } = routeOf(call)
    units.set(mailbox.address, (units.get(mailbox.address) ?? 0) + cost)
    const said = await route({
      behind,
      mailboxes: [...mailboxes.values()],
      sent,
      taken: google.taken,
      watch: pubSub.watch,
    })
    if (fault === 'unanswered' || said.hangUp === true) response.destroy()
    else say(said)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const google: Google = {
    url: `http://127.0.0.1:${port}`,
    port,
    fault: () => null,
    taken: async () => 'answered',
    sent,
    units,
    addMailbox: (address, token) => {
      behind.seed({ users: [{ email: address }] })
      behind.tokens.set(token, { login: address, id: behind.tokens.size, scopes: [] })
      const mailbox = gmailMailbox(behind, address, token, () => pubSub.changed(address))
      mailboxes.set(token, mailbox)
      return mailbox
    },
    pushTo: pubSub.pushTo,
    isWatched: pubSub.isWatched,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return google
}
