import { Refused } from '../../domain/refusal.ts'
import { MailUnavailable, type MailboxSession, type OpenMailbox } from '../ports/mail-provider.ts'

/** The Sent folder of a mailbox, opened; `path` is null where it has none. */
export type SentFolder = { readonly session: MailboxSession; readonly path: string | null }

/** Opens it; null where the account has no mailbox. @throws MailUnavailable, Refused where no password is kept */
export const openSentFolder =
  (deps: { openMailbox: OpenMailbox }) =>
  async (accountId: string, signal: AbortSignal): Promise<SentFolder | null> => {
    const session = await deps.openMailbox(accountId, signal)
    if (!session) return null
    try {
      const path = (await session.folders()).find(({ role }) => role === 'sent')?.path ?? null
      if (path !== null) await session.open(path)
      return { session, path }
    } catch (error) {
      await session.close()
      throw error
    }
  }

/** The mailbox cannot be looked into now, which says nothing of what is in it. */
export const isAway = (error: unknown): boolean =>
  error instanceof MailUnavailable || error instanceof Refused
