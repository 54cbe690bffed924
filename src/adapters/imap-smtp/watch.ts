import type { EgressGuard } from '../network/egress-guard.ts'
import type { ServerLogin } from './connection.ts'
import { openImap } from './imap-connection.ts'
import { failure, unavailable } from './problems.ts'

const HINTS = ['exists', 'expunge', 'flags'] as const

/**
 * Idles on the inbox over a connection of its own (RFC 2177) until `signal` aborts. Ends at once if the server does not
 * offer that.
 * @throws MailUnavailable
 */
export const watchInbox = async (
  guard: EgressGuard,
  login: ServerLogin,
  onHint: () => void,
  signal: AbortSignal,
): Promise<void> => {
  if (signal.aborted) return
  try {
    const client = await openImap(guard, login, signal)
    try {
      if (!client.capabilities.has('IDLE')) return
      for (const hint of HINTS) client.on(hint, onHint)
      await client.mailboxOpen('INBOX', { readOnly: true })
      // Each return of idle() means that the server was silent for long, or that IDLE was renewed.
      while (client.usable) if ((await client.idle()) === false && client.usable) return
    } finally {
      client.close()
    }
    throw unavailable('connection-lost')
  } catch (error) {
    if (!signal.aborted) throw failure(error, 'inbox-missing')
  }
}
