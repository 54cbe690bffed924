import { Readable } from 'node:stream'
import type { gmail_v1 } from '@googleapis/gmail'
import type { MailboxSession, NamedEmail } from '../../commands/ports/mail-provider.ts'
import { inParallel } from '../../std/in-parallel.ts'
import { AT_ONCE, type GmailClient } from './client.ts'
import { disarm, orNull } from './drafts.ts'
import type { GmailFolder } from './folders.ts'
import { COST } from './quota.ts'

/** Gmail can search for a Message-ID, but not for our own header, so the newest are looked at one by one. */
const LOOK_AT = 20

type Look = { readonly folder: GmailFolder | null; readonly found: boolean }

const look = async (
  client: GmailClient,
  folders: readonly GmailFolder[],
  email: NamedEmail,
): Promise<Look> => {
  const folder = folders.find(({ role }) => role === 'sent') ?? null
  if (folder === null) return { folder, found: false }
  const listed = (query: { q?: string; maxResults: number }) =>
    client.call(COST.list, (users, options) =>
      users.messages.list({ userId: 'me', labelIds: [folder.id], ...query }, options),
    )
  const named = await listed({ q: `rfc822msgid:${email.messageId}`, maxResults: 1 })
  if ((named.messages ?? []).length > 0) return { folder, found: true }
  const { messages = [] } = await listed({ maxResults: LOOK_AT })
  const ours = await inParallel(messages, AT_ONCE, ({ id }) => isOurs(client, id ?? '', email))
  return { folder, found: ours.includes(true) }
}

/** Gmail may have given it a Message-ID of its own; then ours is in another header. */
const isOurs = async (
  client: GmailClient,
  id: string,
  { messageId, trailId }: NamedEmail,
): Promise<boolean> => {
  const metadataHeaders = ['X-Mailtrail-Id', 'X-Google-Original-Message-ID']
  const message = await orNull(
    client.call(COST.get, (users, options) =>
      users.messages.get({ userId: 'me', id, format: 'metadata', metadataHeaders }, options),
    ),
  )
  const headers: readonly gmail_v1.Schema$MessagePartHeader[] = message?.payload?.headers ?? []
  return headers.some(({ value }) => value === trailId || value === `<${messageId}>`)
}

/**
 * A draft that is still there was not sent. It is disarmed, against a request which is still under way; only then is it
 * certain, and stays so if whoever asks dies before the answer is recorded. The next attempt takes it away. A draft that
 * is not there says nothing: it is gone whether it was sent or deleted.
 */
export const whatBecameOf =
  (client: GmailClient, folders: () => Promise<readonly GmailFolder[]>): MailboxSession['whatBecameOf'] =>
  async ({ handle, ...email }) => {
    if (handle !== null && (await disarm(client, handle))) return 'not-sent'
    return (await look(client, await folders(), email)).found ? 'sent' : 'unknown'
  }

export const fileCopy =
  (client: GmailClient, folders: () => Promise<readonly GmailFolder[]>): MailboxSession['fileCopy'] =>
  async ({ content, ...email }) => {
    const { folder, found } = await look(client, await folders(), email)
    if (folder === null || found)
      return { outcome: found ? 'found' : 'impossible', folder: folder?.folder ?? null }
    const copy = await content()
    if (copy === null) return { outcome: 'impossible', folder: null }
    await client.call(COST.insert, (users, options) =>
      users.messages.insert(
        {
          userId: 'me',
          internalDateSource: 'dateHeader',
          requestBody: { labelIds: [folder.id] },
          media: { mimeType: 'message/rfc822', body: Readable.from([copy]) },
        },
        options,
      ),
    )
    return { outcome: 'filed', folder: folder.folder }
  }
