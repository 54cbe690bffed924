import { randomBytes } from 'node:crypto'
import { jsonOf, notFound, refused, type Answer, type Call, type Routes } from './call.ts'
import { etagOf, itemOf } from './items.ts'
import { messageIdOf, type GraphMailbox, type GraphMessage, type MessageState } from './mailbox.ts'
import { messageOf } from './reading.ts'

/** The largest request that is taken, and so a mail in MIME of three quarters of it. */
const MOST_BYTES = 4 * 2 ** 20
/** Larger attachments are refused here: they come by an upload session. */
const MOST_INLINE = 3 * 2 ** 20

export type WritingFaults = {
  refusedRecipients?: readonly string[]
  /** Sends a draft, and hangs up instead of answering. */
  loseAnswer?: boolean
  /** Called when an email has been taken, before whoever sends it is told; `lost`: it never is. */
  taken?: (mail: SentMail) => Promise<'lost' | 'answered'>
}

export type SentMail = {
  readonly from: string
  readonly messageId: string
  readonly recipients: readonly string[]
  readonly message: GraphMessage
}

type Upload = {
  readonly mailbox: GraphMailbox
  readonly id: string
  readonly name: string
  readonly contentType: string
  readonly size: number
  readonly pieces: Buffer[]
}

const base64 = (body: Buffer): Buffer | null => {
  const text = body.toString('latin1')
  return /^[A-Za-z0-9+/\s]+=*\s*$/.test(text) ? Buffer.from(text, 'base64') : null
}

const addressesOf = (value: unknown): string[] =>
  (value as { emailAddress: { address: string } }[]).map(({ emailAddress }) => emailAddress.address)

type Changing = { -readonly [Part in keyof MessageState]?: MessageState[Part] }

const RECIPIENTS = { toRecipients: 'to', ccRecipients: 'cc', bccRecipients: 'bcc' } as const
const isRecipients = (name: string): name is keyof typeof RECIPIENTS => Object.hasOwn(RECIPIENTS, name)

/** What a PATCH changes; null if it has something that we do not know. */
const stateOf = (message: GraphMessage, json: Record<string, unknown>): Changing | null => {
  const state: Changing = {}
  for (const [name, value] of Object.entries(json))
    if (name === 'isRead') state.isRead = value === true
    else if (name === 'categories') state.categories = value as string[]
    else if (isRecipients(name))
      state.recipients = {
        ...(state.recipients ?? message.recipients),
        [RECIPIENTS[name]]: addressesOf(value),
      }
    else if (name !== 'singleValueExtendedProperties') return null
    else if (!setProperties(state, value as { id: string; value: string }[])) return null
  return state
}

const setProperties = (state: Changing, properties: readonly { id: string; value: string }[]): boolean => {
  for (const { id, value } of properties)
    if (id === 'Integer 0x0E07') state.isDraft = value !== '1'
    else if (id === 'SystemTime 0x0E06') state.receivedAt = new Date(value)
    else if (id !== 'SystemTime 0x0039') return false
  return true
}

export const writingRoutes = (faults: WritingFaults, deliver: (mail: SentMail) => void) => {
  const uploads = new Map<string, Upload>()

  const messageCall =
    (work: (message: GraphMessage, call: Call) => Answer | Promise<Answer>) =>
    (call: Call): Answer | Promise<Answer> => {
      const message = messageOf(call)
      if (message === null) return notFound()
      const match = call.headers['if-match']
      if (match !== undefined && match !== etagOf(message)) return refused(412, 'ErrorIrresolvableConflict')
      return work(message, call)
    }
  const shownAs = (message: GraphMessage, { isImmutable }: Call, status: number): Answer => ({
    status,
    json: itemOf(message, { select: null, expand: null, isImmutable }),
  })

  const createIn = (name: string, call: Call): Answer => {
    const folder = call.mailbox.folder(name)
    if (folder === undefined) return notFound()
    if (call.body.length > MOST_BYTES) return refused(413, 'ErrorMessageSizeExceeded')
    const raw = call.headers['content-type']?.toString().startsWith('text/plain') ? base64(call.body) : null
    if (raw === null) return refused(400, 'ErrorInvalidRequest')
    return shownAs(call.mailbox.add(folder.id, raw, { isDraft: true, isRead: true }), call, 201)
  }

  const send = async (message: GraphMessage, mailbox: GraphMailbox): Promise<Answer> => {
    const { to, cc, bcc } = message.recipients
    const recipients = [...to, ...cc, ...bcc]
    const unknown = recipients.filter((each) => faults.refusedRecipients?.includes(each))
    if (unknown.length > 0 || recipients.length === 0)
      return refused(
        400,
        'ErrorInvalidRecipients',
        `At least one recipient isn't valid., ${unknown.map((each) => `Recipient '${each}' is not resolved.`).join(' ')}`,
      )
    mailbox.change(message.id, { isDraft: false, receivedAt: new Date(), recipients: { to, cc, bcc: [] } })
    const sent = mailbox.move(message.id, mailbox.folder('sentitems')!.id)
    const mail = { from: mailbox.address, messageId: messageIdOf(sent.raw), recipients, message: sent }
    deliver(mail)
    const isLost = (await faults.taken?.(mail)) === 'lost'
    return { status: 202, hangUp: isLost || faults.loseAnswer === true }
  }

  const attach = (mailbox: GraphMailbox, id: string, name: string, contentType: string, bytes: Buffer) => {
    const attachments = mailbox.find(id)?.attachments ?? []
    mailbox.change(id, { attachments: [...attachments, { name, contentType, bytes }] })
    return { status: 201, json: { id: randomBytes(9).toString('base64url'), name } }
  }

  const routes: Routes = {
    'POST messages': (call) => createIn('drafts', call),
    'POST mailFolders/{id}/messages': (call) => createIn(call.ids[0]!, call),
    'PATCH messages/{id}': messageCall((message, call) => {
      const state = stateOf(message, jsonOf(call.body))
      return state === null
        ? refused(400, 'ErrorInvalidRequest')
        : shownAs(call.mailbox.change(message.id, state), call, 200)
    }),
    'DELETE messages/{id}': messageCall(({ id }, { mailbox }) => {
      mailbox.move(id, mailbox.folder('deleteditems')!.id)
      return { status: 204 }
    }),
    'POST messages/{id}/permanentDelete': messageCall(({ id }, { mailbox }) => {
      mailbox.remove(id)
      return { status: 204 }
    }),
    'POST messages/{id}/move': messageCall(({ id }, call) => {
      // Names of parameters are as good in any case.
      const { destinationId, DestinationId = destinationId } = jsonOf(call.body)
      const folder = call.mailbox.folder(String(DestinationId))
      return folder === undefined ? notFound() : shownAs(call.mailbox.move(id, folder.id), call, 201)
    }),
    'POST messages/{id}/send': messageCall((message, { mailbox }) =>
      message.isDraft ? send(message, mailbox) : refused(400, 'ErrorInvalidRequest'),
    ),
    'POST messages/{id}/attachments': messageCall(({ id }, { mailbox, body }) => {
      const { name, contentType, contentBytes } = jsonOf(body)
      const bytes = Buffer.from(String(contentBytes), 'base64')
      if (bytes.length >= MOST_INLINE) return refused(413, 'ErrorAttachmentSizeLimitExceeded')
      return attach(mailbox, id, String(name), String(contentType), bytes)
    }),
    'POST messages/{id}/attachments/createUploadSession': messageCall(({ id }, { mailbox, body, base }) => {
      const item = jsonOf(body)['AttachmentItem'] as { name: string; size: number; contentType: string }
      const { name, size, contentType } = item
      if (size < MOST_INLINE) return refused(400, 'ErrorAttachmentSizeShouldNotBeLessThanMinimumSize')
      const key = randomBytes(12).toString('base64url')
      uploads.set(key, { mailbox, id, name, size, contentType, pieces: [] })
      // The session lies at another host, to which no token is sent.
      const uploadUrl = `${base.replace('localhost', '127.0.0.1').replace('/v1.0', '')}/uploads/${key}`
      const expirationDateTime = new Date(Date.now() + 3_600_000).toISOString()
      return { status: 201, json: { uploadUrl, expirationDateTime, nextExpectedRanges: ['0-'] } }
    }),
  }

  /** A range of an attachment: its key alone admits it. */
  const upload = (key: string, headers: Call['headers'], piece: Buffer): Answer => {
    const found = uploads.get(key)
    if (found === undefined) return refused(404, 'ErrorItemNotFound')
    if (headers.authorization !== undefined) return refused(401, 'InvalidAuthenticationToken')
    const { mailbox, id, name, contentType, size, pieces } = found
    const at = pieces.reduce((sum, { length }) => sum + length, 0)
    const range = `bytes ${at}-${at + piece.length - 1}/${size}`
    if (piece.length > MOST_BYTES || headers['content-range'] !== range) return refused(416, 'InvalidRange')
    pieces.push(piece)
    if (at + piece.length < size)
      return {
        status: 200,
        json: { nextExpectedRanges: [`${at + piece.length}-`], expirationDateTime: new Date().toISOString() },
      }
    uploads.delete(key)
    return attach(mailbox, id, name, contentType, Buffer.concat(pieces))
  }
  return { routes, upload }
}
