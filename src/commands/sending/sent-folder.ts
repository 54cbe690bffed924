import type { MailboxConnector, MailboxSession, Vault } from '../ports.ts'
import type { SendingAccount } from './neighbours.ts'

/** The Sent folder of a mailbox, opened; `path` is null where it has none. */
export type SentFolder = { readonly session: MailboxSession; readonly path: string | null }

/** Opens it; null where the account has no IMAP server or no password for it. @throws MailUnavailable */
export const openSentFolder =
  (deps: { vault: Vault; connector: MailboxConnector }) =>
  async (account: SendingAccount | null, signal: AbortSignal): Promise<SentFolder | null> => {
    if (!account?.imap) return null
    const credentials = await deps.vault.load(account.accountId, account.credentialVersion)
    if (!credentials?.imapPassword) return null
    const session = await deps.connector.connect(
      { ...account.imap, password: credentials.imapPassword },
      signal,
    )
    try {
      const path = (await session.folders()).find(({ role }) => role === 'sent')?.path ?? null
      if (path !== null) await session.open(path)
      return { session, path }
    } catch (error) {
      await session.close()
      throw error
    }
  }
