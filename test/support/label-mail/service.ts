import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { labelMailbox, type LabelMailbox, type LabelMessage } from './mailbox.ts'

const PAGE = 50

/** Switches that may be turned while the service runs. */
type LabelMailFaults = {
  /** Answers everything with this status. `retryAfterSeconds` goes with 429. */
  status?: number
  retryAfterSeconds?: number
  /** Does not hand these out, by id. */
  withheld?: ReadonlySet<string>
  refusedRecipients?: readonly string[]
  /** Sends a draft and hangs up instead of answering. */
  loseAnswer?: boolean
}

type SentMail = {
  readonly from: string
  readonly recipients: readonly string[]
  readonly raw: Buffer
  readonly messageId: string
}
type Draft = SentMail & { state: 'draft' | 'sent' }

export type LabelMail = {
  readonly url: string
  readonly port: number
  readonly faults: LabelMailFaults
  /** Everything that was sent, in order. */
  readonly sent: readonly SentMail[]
  addMailbox(address: string, token: string): LabelMailbox
  close(): Promise<void>
}

type Call = {
  readonly mailbox: LabelMailbox
  readonly query: URLSearchParams
  readonly body: Record<string, unknown>
  readonly part: string
}
type Answer = { readonly status: number; readonly json?: unknown }

const TRAIL_ID = /^x-mailtrail-id:\s*(\S+)/im
const MESSAGE_ID = /^message-id:\s*<([^>]*)>/im
export const messageIdOf = (raw: Buffer): string => MESSAGE_ID.exec(raw.toString('latin1'))?.[1] ?? ''

/** Whether it is the email with one of these ids; where none is asked for, any is. */
const isNamed = (raw: Buffer, query: URLSearchParams): boolean => {
  const [messageId, trailId] = ['messageId', 'trailId'].map((name) => query.get(name))
  if (!messageId && !trailId) return true
  return messageIdOf(raw) === messageId || TRAIL_ID.exec(raw.toString('latin1'))?.[1] === trailId
}

const summary = ({ id, receivedAt, flags }: LabelMessage) => ({ id, receivedAt, flags })

/**
 * A mail service on loopback that is like none of those with UIDs: JSON over HTTP, labels in place of folders, its past
 * under names that are not remembered for ever, and sending by a draft in two steps. What is sent to one of its own
 * mailboxes is delivered, and lies in the sender's.
 */
export const startLabelMail = async (): Promise<LabelMail> => {
  const mailboxes = new Map<string, LabelMailbox>()
  const drafts = new Map<string, Draft>()
  const sent: SentMail[] = []
  const faults: LabelMailFaults = {}

  const send = (mailbox: LabelMailbox, draft: Draft): Answer => {
    const refused = draft.recipients.filter((each) => faults.refusedRecipients?.includes(each))
    const accepted = draft.recipients.filter((each) => !refused.includes(each))
    if (accepted.length === 0) return { status: 422, json: { refused } }
    draft.state = 'sent'
    sent.push({ ...draft, recipients: accepted })
    const message = { raw: draft.raw, receivedAt: new Date() }
    mailbox.add('Outgoing', { ...message, flags: ['seen'] })
    for (const other of mailboxes.values())
      if (accepted.includes(other.address)) other.add('Inbox', { ...message, flags: [] })
    return { status: 200, json: { accepted, refused } }
  }

  const draftOf = (body: Record<string, unknown>): Draft => ({
    from: String(body['from']),
    recipients: body['recipients'] as string[],
    raw: Buffer.from(String(body['raw']), 'base64'),
    messageId: String(body['messageId']),
    state: 'draft',
  })

  const routes: Record<string, (call: Call) => Answer> = {
    'GET labels': ({ mailbox }) => ({ status: 200, json: mailbox.labels() }),
    'GET moment': ({ mailbox }) => ({ status: 200, json: { token: mailbox.moment() } }),
    'GET history': ({ mailbox, query }) => {
      const past = mailbox.since(query.get('since') ?? '', PAGE)
      return past === null ? { status: 410 } : { status: 200, json: past }
    },
    'GET messages': ({ mailbox, query }) => {
      const [label, after] = ['label', 'after'].map((name) => query.get(name))
      const all = mailbox
        .messages()
        .filter(({ labels, raw }) => labels.has(label ?? '') && isNamed(raw, query))
        .toReversed()
      const from = after ? all.findIndex(({ id }) => id === after) + 1 : 0
      const page = all.slice(from, from + PAGE)
      const next = from + PAGE < all.length ? page.at(-1)?.id : null
      return { status: 200, json: { messages: page.map(summary), next } }
    },
    'GET message': ({ mailbox, part }) => {
      const message = mailbox.find(part)
      if (message === undefined) return { status: 404 }
      if (faults.withheld?.has(part)) return { status: 451 }
      const { raw, labels } = message
      return {
        status: 200,
        json: { ...summary(message), labels: [...labels], raw: raw.toString('base64') },
      }
    },
    'POST messages': ({ mailbox, body }) => {
      const raw = Buffer.from(String(body['raw']), 'base64')
      const receivedAt = new Date(String(body['receivedAt']))
      return {
        status: 200,
        json: { id: mailbox.add(String(body['label']), { raw, receivedAt, flags: ['seen'] }) },
      }
    },
    'POST drafts': ({ body }) => {
      const id = randomBytes(8).toString('hex')
      drafts.set(id, draftOf(body))
      return { status: 200, json: { id } }
    },
    'GET draft': ({ part }) => {
      const draft = drafts.get(part)
      return draft === undefined ? { status: 404 } : { status: 200, json: { state: draft.state } }
    },
    'DELETE draft': ({ part }) => {
      if (drafts.get(part)?.state === 'sent') return { status: 409 }
      return { status: drafts.delete(part) ? 200 : 404 }
    },
    'POST draft': ({ mailbox, part }) => {
      const draft = drafts.get(part)
      if (draft === undefined) return { status: 404 }
      return draft.state === 'sent' ? { status: 409 } : send(mailbox, draft)
    },
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const say = ({ status, json = null }: Answer) => {
      response.writeHead(status, {
        'content-type': 'application/json',
        ...(status === 429 ? { 'retry-after': String(faults.retryAfterSeconds ?? 60) } : {}),
      })
      response.end(JSON.stringify(json))
    }
    if (faults.status !== undefined) return say({ status: faults.status })
    const token = (request.headers.authorization ?? '').replace(/^Bearer /, '')
    const mailbox = mailboxes.get(token)
    if (mailbox === undefined) return say({ status: 401 })
    const url = new URL(request.url ?? '', 'http://localhost')
    const [name = '', part = ''] = url.pathname.slice(1).split('/')
    if (name === 'changes') {
      response.writeHead(200, { 'content-type': 'text/plain' }).flushHeaders()
      response.once(
        'close',
        mailbox.onChange(() => void response.write('\n')),
      )
      return
    }
    const route = routes[`${request.method} ${name}`]
    if (route === undefined) return say({ status: 404 })
    const text = Buffer.concat(chunks).toString('utf8')
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
    const said = route({ mailbox, query: url.searchParams, body, part })
    if (faults.loseAnswer === true && `${request.method} ${name}` === 'POST draft') response.destroy()
    else say(said)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    faults,
    sent,
    addMailbox: (address, token) => {
      const mailbox = labelMailbox(address, token)
      mailboxes.set(token, mailbox)
      return mailbox
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
