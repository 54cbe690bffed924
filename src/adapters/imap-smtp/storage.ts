import type { ImapFlow } from 'imapflow'
import type { MailboxStorage } from '../../domain/sync/mailbox-storage.ts'

/** What the quota for storage of the inbox is and how much of it is used (RFC 9208), where the server has one. */
export const storageOf = async (client: ImapFlow): Promise<MailboxStorage | null> => {
  const quota = await client.getQuota('INBOX')
  const { usage: used, limit } = (quota && quota.storage) || {}
  return used === undefined || !limit ? null : { used, limit }
}
