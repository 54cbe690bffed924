import type { MailboxSession, NamedEmail } from '../../commands/ports/mail-provider.ts'
import type { ImapSession } from './imap.ts'

/** Looks for an email in the folder for sent mail. `folder` is null if there is none. */
const look = async (
  session: ImapSession,
  { messageId, trailId }: NamedEmail,
): Promise<{ folder: string | null; found: boolean }> => {
  const folder = (await session.folders()).find(({ role }) => role === 'sent')?.folder ?? null
  if (folder === null) return { folder, found: false }
  await session.open(folder)
  const has = async (header: string, id: string) => (await session.findById(header, id)).length > 0
  const found = (await has('message-id', messageId)) || (await has('x-mailtrail-id', trailId))
  return { folder, found }
}

/** A copy filed by the server proves that the email was sent; no copy proves nothing. */
export const whatBecameOf =
  (session: ImapSession): MailboxSession['whatBecameOf'] =>
  async (email) =>
    (await look(session, email)).found ? 'sent' : 'unknown'

export const fileCopy =
  (session: ImapSession): MailboxSession['fileCopy'] =>
  async ({ sentAt, content, ...email }) => {
    const { folder, found } = await look(session, email)
    if (folder === null || found) return { outcome: found ? 'found' : 'impossible', folder }
    const copy = await content()
    if (copy === null) return { outcome: 'impossible', folder: null }
    // The server may have filed a copy itself while this one was being fetched.
    if ((await look(session, email)).found) return { outcome: 'found', folder }
    await session.append(folder, copy, sentAt)
    return { outcome: 'filed', folder }
  }
