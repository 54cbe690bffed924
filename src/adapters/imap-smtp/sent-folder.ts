import type { MailboxSession } from '../../commands/ports/mail-provider.ts'
import type { ImapSession } from './imap.ts'

/** Looks for an email in the folder for sent mail by its Message-ID. `folder` is null if there is none. */
const look = async (
  session: ImapSession,
  messageId: string,
): Promise<{ folder: string | null; found: boolean }> => {
  const folder = (await session.folders()).find(({ role }) => role === 'sent')?.folder ?? null
  if (folder === null) return { folder, found: false }
  await session.open(folder)
  return { folder, found: (await session.findByMessageId(messageId)).length > 0 }
}

/** A copy filed by the server proves that the email was sent; no copy proves nothing. */
export const whatBecameOf =
  (session: ImapSession): MailboxSession['whatBecameOf'] =>
  async ({ messageId }) =>
    (await look(session, messageId)).found ? 'sent' : 'unknown'

export const fileCopy =
  (session: ImapSession): MailboxSession['fileCopy'] =>
  async ({ messageId, sentAt, content }) => {
    const { folder, found } = await look(session, messageId)
    if (folder === null || found) return { outcome: found ? 'found' : 'impossible', folder }
    const copy = await content()
    if (copy === null) return { outcome: 'impossible', folder: null }
    // The server may have filed a copy itself while this one was being fetched.
    if ((await look(session, messageId)).found) return { outcome: 'found', folder }
    await session.append(folder, copy, sentAt)
    return { outcome: 'filed', folder }
  }
