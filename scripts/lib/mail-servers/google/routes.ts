import type { Emulator } from './emulator.ts'
import { fieldsOf, headersOf, recipientsIn, uploaded, withoutBcc } from './mail-text.ts'
import type { GmailMailbox, GmailMessage } from './mailbox.ts'
import { googleError, type Answer, type Call, type OnTaken, type SentMail } from './calls.ts'

type World = {
  readonly behind: Emulator
  readonly mailboxes: readonly GmailMailbox[]
  readonly sent: SentMail[]
  readonly taken: OnTaken<SentMail>
  readonly watch: (address: string) => void
}
type Route = (world: World) => Answer | Promise<Answer>

/** What methods cost, in units of the quota (Gmail API, "Usage limits"). */
const COSTS: readonly (readonly [RegExp, number])[] = [
  [/^GET (?:profile|labels)$/, 1],
  [/^GET history$/, 2],
  [/^GET (?:messages|drafts)$/, 5],
  [/^GET drafts\//, 5],
  [/^GET messages\//, 20],
  [/^POST messages$/, 25],
  [/^POST drafts\/send$/, 100],
  [/^(?:POST|DELETE) drafts/, 10],
  [/^PUT drafts\//, 15],
  [/^POST (?:watch|stop)$/, 100],
]

/** How a request is answered, and what it costs. */
export const routeOf = (call: Call): { readonly cost: number; readonly answer: Route } => {
  const { method, path } = call
  const [, cost = 0] = COSTS.find(([of]) => of.test(`${method} ${path}`)) ?? []
  return { cost, answer: ownRoute(call) ?? (({ behind }) => passOn(behind, call)) }
}

/** What the emulator does not do, or not as Gmail does; null for all else. */
const ownRoute = (call: Call): Route | null => {
  const { method, path, query } = call
  if (method === 'GET' && path === 'profile') return () => profileOf(call)
  if (method === 'GET' && path === 'history' && isForgotten(call)) return () => googleError(404, 'notFound')
  if (method === 'GET' && path === 'drafts' && query.get('q')?.startsWith('rfc822msgid:'))
    return ({ behind }) => draftsNamedBy(behind, call)
  if (method === 'GET' && path === 'messages' && query.get('q')?.startsWith('rfc822msgid:'))
    return () => namedBy(call)
  if (method === 'GET' && path.startsWith('messages/') && query.get('format') === 'metadata')
    return () => metadataOf(call)
  if (method === 'POST' && path === 'drafts/send') return (world) => sendDraft(world, call)
  if (method === 'POST' && path === 'watch') return (world) => watchOf(world, call)
  return null
}

/** Its uploads take text for bytes, so they get JSON instead. */
const passOn = async (behind: Emulator, call: Call): Promise<Answer> => {
  const { method, path, query, token, contentType } = call
  const isUpload = query.has('uploadType')
  const body = isUpload ? uploadAsJson(call) : call.body
  const answer = await behind.fetch(
    new Request(`http://localhost/gmail/v1/users/me/${path}?${query.toString()}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': isUpload ? 'application/json' : contentType,
      },
      ...(method === 'GET' || method === 'DELETE' ? {} : { body: new Uint8Array(body) }),
    }),
  )
  const text = await answer.text()
  return { status: answer.status, ...(text === '' ? {} : { json: JSON.parse(text) as unknown }) }
}

const uploadAsJson = ({ path, contentType, body }: Call): Buffer => {
  const { json, raw } = uploaded(contentType, body)
  const message = { ...json, raw: raw.toString('base64url') }
  return Buffer.from(JSON.stringify(path.startsWith('drafts') ? { message } : message))
}

const profileOf = ({ mailbox }: Call): Answer => ({
  status: 200,
  json: {
    emailAddress: mailbox.address,
    messagesTotal: mailbox.messages().length,
    historyId: mailbox.historyId(),
  },
})

const watchOf = ({ watch }: World, { mailbox }: Call): Answer => {
  watch(mailbox.address)
  const expiration = String(Date.now() + 7 * 86_400_000)
  return { status: 200, json: { historyId: mailbox.historyId(), expiration } }
}

const isForgotten = ({ mailbox, query }: Call): boolean =>
  BigInt(query.get('startHistoryId') ?? '0') < BigInt(mailbox.forgotten())

const messagesNamedBy = ({ mailbox, query }: Call): GmailMessage[] => {
  const id = (query.get('q') ?? '').slice('rfc822msgid:'.length).replaceAll(/[<>]/g, '')
  return mailbox
    .messages()
    .filter(({ raw }) => fieldsOf(raw, 'message-id').some((value) => value === `<${id}>`))
}

const draftsNamedBy = (behind: Emulator, call: Call): Answer => {
  const drafts = messagesNamedBy(call).flatMap(({ id }) =>
    behind.users.drafts
      .findBy('message_gmail_id', id)
      .map((draft) => ({ id: draft.gmail_id, message: { id } })),
  )
  return { status: 200, json: { drafts } }
}

const namedBy = (call: Call): Answer => {
  const labels = call.query.getAll('labelIds')
  const found = messagesNamedBy(call).filter((message) =>
    labels.every((label) => message.labels.includes(label)),
  )
  return {
    status: 200,
    json: { messages: found.map((message) => ({ id: message.id, threadId: message.id })) },
  }
}

const metadataOf = ({ mailbox, path, query }: Call): Answer => {
  const message = mailbox.find(path.slice('messages/'.length))
  if (message === undefined) return googleError(404, 'notFound')
  const names = query.getAll('metadataHeaders').map((name) => name.toLowerCase())
  const headers = headersOf(message.raw).filter(({ name }) => names.includes(name.toLowerCase()))
  return { status: 200, json: { id: message.id, labelIds: message.labels, payload: { headers } } }
}

/** Sent mail is a message of its own, with another id than the draft, and lies in the mailboxes that it is for. */
const sendDraft = async ({ behind, mailboxes, sent, taken }: World, call: Call): Promise<Answer> => {
  const { mailbox, body, token } = call
  const { id } = JSON.parse(body.toString('utf8')) as { id: string }
  const draft = behind.users.drafts.findBy('gmail_id', id).find((each) => each.user_email === mailbox.address)
  const message: GmailMessage | undefined = draft && mailbox.find(draft.message_gmail_id)
  if (message === undefined) return googleError(404, 'notFound')
  const recipients = recipientsIn(message.raw)
  if (recipients.length === 0) return googleError(400, 'invalidArgument')
  await passOn(behind, { ...call, method: 'DELETE', path: `drafts/${id}`, token })
  const at = new Date()
  const raw = withoutBcc(message.raw)
  const sentId = mailbox.add(message.raw, ['SENT'], at)
  const mail = { from: mailbox.address, recipients, raw }
  sent.push(mail)
  for (const other of mailboxes)
    if (recipients.includes(other.address)) other.add(raw, ['INBOX', 'UNREAD'], at)
  const hangUp = (await taken(mail)) === 'lost'
  return { status: 200, json: { id: sentId, threadId: sentId, labelIds: ['SENT'] }, hangUp }
}
