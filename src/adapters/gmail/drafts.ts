import { MailUnavailable, type Access } from '../../commands/ports/mail-provider.ts'
import type { ClientOf, GmailClient } from './client.ts'
import { COST } from './quota.ts'

/** How long is spent on a draft that is of no use any more. */
const CLEAR_UP_WITHIN_MS = 10_000

/** The fields of a header that name recipients, each with all its lines. */
const RECIPIENTS = /^(?:to|cc|bcc):.*\r\n(?:[ \t].*\r\n)*/gim

export const createDraft = async (client: GmailClient, mime: Buffer): Promise<string> => {
  const media = { mimeType: 'message/rfc822', body: mime }
  const { id } = await client.call(COST.draft, (users, options) =>
    users.drafts.create({ userId: 'me', media }, options),
  )
  return id ?? ''
}

/** Drafts of this email: what is left of attempts that broke off, or were taken back. */
export const draftsOf = async (client: GmailClient, messageId: string): Promise<string[]> => {
  const { drafts = [] } = await client.call(COST.list, (users, options) =>
    users.drafts.list({ userId: 'me', q: `rfc822msgid:${messageId}` }, options),
  )
  return drafts.map(({ id }) => id ?? '')
}

/**
 * Takes the recipients out of a draft, so that a request which is still under way has nobody to send it to. That can be
 * done again and again: the draft stays, and so does what it tells. @returns whether it was there
 */
export const disarm = async (client: GmailClient, id: string): Promise<boolean> => {
  const draft = await orNull(
    client.call(COST.list, (users, options) =>
      users.drafts.get({ userId: 'me', id, format: 'raw' }, options),
    ),
  )
  if (draft === null) return false
  const [header, content] = split(Buffer.from(draft.message?.raw ?? '', 'base64url'))
  const unaddressed = header.replaceAll(RECIPIENTS, '')
  if (unaddressed === header) return true
  const media = {
    mimeType: 'message/rfc822',
    body: Buffer.concat([Buffer.from(unaddressed, 'latin1'), content]),
  }
  const updated = await orNull(
    client.call(COST.update, (users, options) => users.drafts.update({ userId: 'me', id, media }, options)),
  )
  return updated !== null
}

const split = (mime: Buffer): [header: string, rest: Buffer] => {
  const end = mime.indexOf('\r\n\r\n')
  const length = end < 0 ? mime.length : end + 2
  return [mime.subarray(0, length).toString('latin1'), mime.subarray(length)]
}

/** Takes drafts away that nobody is to find and send. Where that fails they stay, and nothing was sent. */
export const discard = async (clientOf: ClientOf, access: Access, ids: readonly string[]): Promise<void> => {
  const client = clientOf(access, AbortSignal.timeout(CLEAR_UP_WITHIN_MS))
  for (const id of ids)
    await attempt(() =>
      client.call(COST.draft, (users, options) => users.drafts.delete({ userId: 'me', id }, options)),
    )
}

/** As `discard`, for one that an outcome is yet to be recorded of. */
export const takeBack = async (clientOf: ClientOf, access: Access, id: string): Promise<void> => {
  await attempt(() => disarm(clientOf(access, AbortSignal.timeout(CLEAR_UP_WITHIN_MS)), id))
}

export const attempt = async <T>(work: () => Promise<T>): Promise<T | MailUnavailable> => {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MailUnavailable) return error
    throw error
  }
}

/** What is not there any more is null. */
export const orNull = async <T>(call: Promise<T>): Promise<T | null> => {
  try {
    return await call
  } catch (error) {
    if (error instanceof MailUnavailable && error.kind === 'gone') return null
    throw error
  }
}
