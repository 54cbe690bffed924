import type { MailServer, TestStep } from '../../domain/accounts/events.ts'
import type { Secret } from './credentials.ts'

export type ServerLogin = MailServer & { readonly password: Secret }

/** Tries the servers step by step; a failed step carries its code and remedy, and later steps are `skipped`. */
export type ConnectionTester = {
  test(
    servers: { smtp: ServerLogin | null; imap: ServerLogin | null },
    signal: AbortSignal,
  ): Promise<{
    ok: boolean
    steps: TestStep[]
  }>
}

export type MailFolder = {
  readonly path: string
  readonly role: 'inbox' | 'sent' | 'drafts' | 'archive' | 'all' | null
}

export type FolderState = {
  readonly uidValidity: string
  readonly uidNext: number
  readonly messages: number
}

export type FetchedMessage = {
  readonly uid: number
  readonly flags: readonly string[]
  readonly receivedAt: string
  readonly raw: Buffer
}

/** One logged-in session with a mailbox (IMAP). Not for concurrent use. Reading changes nothing there. */
export type MailboxSession = {
  folders(): Promise<MailFolder[]>
  /** Opens a folder read-only; the calls below are about the one opened last. */
  open(path: string): Promise<FolderState>
  /** UIDs above `from`-1 that arrived on or after `since` (all when null), ascending. */
  list(range: { from: number; since: Date | null }): Promise<number[]>
  /** All UIDs in `from`..`to` with their flags, ascending. */
  flags(range: { from: number; to: number }): Promise<{ uid: number; flags: string[] }[]>
  /** Hands out messages one by one; a UID that the server does not give any more is left out. */
  fetch(uids: readonly number[]): AsyncIterable<FetchedMessage>
  /** UIDs in the opened folder whose Message-ID header is this one. */
  findByMessageId(messageId: string): Promise<number[]>
  append(path: string, mime: Buffer, flags: readonly string[], at: Date): Promise<{ uid: number | null }>
  close(): Promise<void>
}

export type MailboxConnector = {
  /** @throws MailUnavailable */
  connect(login: ServerLogin, signal: AbortSignal): Promise<MailboxSession>
}

/**
 * Logs in to the account's mailbox; null where the account has none.
 * @throws MailUnavailable, or Refused where no password is kept
 */
export type OpenMailbox = (accountId: string, signal: AbortSignal) => Promise<MailboxSession | null>

/**
 * The mail server cannot be used now. `authentication` needs a person, `temporary` needs time, `refused` is our own
 * guard or the server's policy. `detail` is in our words, without secrets and without the server's banner.
 */
export class MailUnavailable extends Error {
  readonly kind: 'authentication' | 'temporary' | 'refused'
  readonly code: string
  readonly remedy: string

  constructor(
    kind: 'authentication' | 'temporary' | 'refused',
    code: string,
    message: string,
    remedy: string,
  ) {
    super(message)
    this.name = 'MailUnavailable'
    this.kind = kind
    this.code = code
    this.remedy = remedy
  }
}

export type RefusedRecipient = {
  readonly address: string
  readonly code: number | null
  readonly enhancedCode: string | null
  readonly reason: string
}

/**
 * What became of one SMTP transaction. `sent`: 250 after the dot. `deferred` and `failed`: known not sent.
 * `unknown`: released, and the answer was lost.
 */
export type SendOutcome =
  | { readonly kind: 'sent'; readonly accepted: string[]; readonly refused: RefusedRecipient[] }
  | { readonly kind: 'deferred'; readonly code: string; readonly reason: string }
  | {
      readonly kind: 'failed'
      readonly code: string
      readonly reason: string
      readonly remedy: string
      readonly refused: RefusedRecipient[]
    }
  | { readonly kind: 'withdrawn' }
  | { readonly kind: 'unknown'; readonly reason: string }

export type MailSender = {
  /**
   * Sends fixed bytes over a pooled connection. `release` is awaited after the last byte of the message and before
   * the dot that ends DATA (RFC 5321 4.1.1.4): where it answers false the connection is dropped without the dot,
   * nothing is sent and the outcome is `withdrawn`. Before it every fault is `deferred` or `failed`.
   */
  send(
    login: ServerLogin,
    message: { envelope: { from: string; recipients: readonly string[] }; mime: Buffer },
    release: () => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<SendOutcome>
  close(): Promise<void>
}
