import type { MailboxSession, NamedEmail } from '../../commands/ports/mail-provider.ts'
import { inOurWords, isRefusal, type GraphClient } from './client.ts'
import { disarm, quoted } from './drafts.ts'
import type { OutlookFolder } from './folders.ts'
import { folderPath, messagePath } from './messages.ts'
import { unavailable } from './problems.ts'

type Found = {
  readonly id: string
  readonly isDraft?: boolean | null
  readonly parentFolderId?: string | null
  readonly toRecipients?: readonly unknown[] | null
  readonly ccRecipients?: readonly unknown[] | null
  readonly bccRecipients?: readonly unknown[] | null
  readonly '@odata.etag'?: string
}
type Folders = () => Promise<readonly OutlookFolder[]>

/** A header of a message, as Exchange keeps it (PS_INTERNET_HEADERS, MS-OXPROPS 1.3.2). */
const TRAIL_HEADER = 'String {00020386-0000-0000-C000-000000000046} Name x-mailtrail-id'

/** The copy of an email among the sent ones, by its Message-ID or by our header; null if there is none. */
const copyIn = async (
  client: GraphClient,
  folderId: string,
  { messageId, trailId }: NamedEmail,
): Promise<Found | null> => {
  const filters = [
    `internetMessageId eq ${quoted(`<${messageId}>`)}`,
    `singleValueExtendedProperties/Any(ep: ep/id eq '${TRAIL_HEADER}' and ep/value eq ${quoted(trailId)})`,
  ]
  for (const filter of filters) {
    const path = `${folderPath(folderId)}/messages?$select=id,isDraft&$top=1&$filter=${encodeURIComponent(filter)}`
    const { value } = await client.get<{ value?: readonly Found[] }>(path)
    if (value?.[0] !== undefined) return value[0]
  }
  return null
}

const idOf = async (folders: Folders, role: 'sent' | 'drafts'): Promise<OutlookFolder | null> =>
  (await folders()).find((folder) => folder.role === role) ?? null

/**
 * The draft tells: once it is sent it is none any more, under the same id. One that is still there is disarmed, against a
 * request which is on its way; that it has not been sent meanwhile is a condition of it. It stays, so that it tells the
 * same again if whoever asks dies before the answer is recorded; the next attempt takes it away.
 */
export const whatBecameOf =
  (client: GraphClient, folders: Folders): MailboxSession['whatBecameOf'] =>
  async ({ handle, ...email }) => {
    const draft = handle === null ? null : await draftOf(client, handle)
    if (draft !== null && draft.isDraft !== true) return 'sent'
    if (draft !== null && isDisarmed(draft)) return 'not-sent'
    const isWaiting = draft !== null && draft.parentFolderId === (await idOf(folders, 'drafts'))?.id
    if (isWaiting && (await isTakenBack(client, draft))) return 'not-sent'
    const sent = await idOf(folders, 'sent')
    return sent !== null && (await copyIn(client, sent.id, email)) !== null ? 'sent' : 'unknown'
  }

const draftOf = async (client: GraphClient, id: string): Promise<Found | null> => {
  try {
    const select = 'id,isDraft,parentFolderId,toRecipients,ccRecipients,bccRecipients'
    return (await client.ask({ path: `${messagePath(id)}?$select=${select}` })) as Found
  } catch (error) {
    if (isRefusal(error, 404)) return null
    throw inOurWords(error)
  }
}

const isDisarmed = ({ toRecipients, ccRecipients, bccRecipients }: Found): boolean =>
  [toRecipients, ccRecipients, bccRecipients].every((named) => named?.length === 0)

const isTakenBack = async (client: GraphClient, { id, '@odata.etag': etag }: Found): Promise<boolean> => {
  if (etag === undefined) throw unavailable('outlook-answer-unknown')
  try {
    await disarm(client, id, { 'If-Match': etag })
    return true
  } catch (error) {
    if (isRefusal(error, 404, 412)) return false
    throw inOurWords(error)
  }
}

export const fileCopy =
  (client: GraphClient, folders: Folders): MailboxSession['fileCopy'] =>
  async ({ sentAt, content, ...email }) => {
    const sent = await idOf(folders, 'sent')
    if (sent === null) return { outcome: 'impossible', folder: null }
    const { id, folder } = sent
    const found = await copyIn(client, id, email)
    if (found !== null) {
      if (found.isDraft === true) await finish(client, found.id, sentAt)
      return { outcome: 'found', folder }
    }
    const copy = await content()
    if (copy === null) return { outcome: 'impossible', folder: null }
    try {
      const body = copy.toString('base64')
      const made = await client.ask({ method: 'POST', path: `${folderPath(id)}/messages`, body })
      await finish(client, (made as Found).id, sentAt)
      return { outcome: 'filed', folder }
    } catch (error) {
      throw inOurWords(error)
    }
  }

/** What is made of MIME is an unread draft of now: it becomes a mail that was sent (MS-OXOMSG 2.2.1, MS-OXCMSG 2.2.1.6). */
const finish = async (client: GraphClient, id: string, sentAt: Date): Promise<void> => {
  const at = sentAt.toISOString()
  const singleValueExtendedProperties = [
    { id: 'Integer 0x0E07', value: '1' },
    { id: 'SystemTime 0x0E06', value: at },
    { id: 'SystemTime 0x0039', value: at },
  ]
  try {
    const body = { isRead: true, singleValueExtendedProperties }
    await client.ask({ method: 'PATCH', path: messagePath(id), body })
  } catch (error) {
    throw inOurWords(error)
  }
}
