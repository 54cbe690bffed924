import type { GmailMailbox } from './mailbox.ts'

/** One request, as the double takes it. */
export type Call = {
  readonly method: string
  /** Such as `messages/1a2b`, below the mailbox. */
  readonly path: string
  readonly query: URLSearchParams
  readonly body: Buffer
  readonly contentType: string
  readonly token: string
  readonly mailbox: GmailMailbox
}
export type Answer = {
  readonly status: number
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
}
/** `lost`: it hangs up, before it does what was asked. `unanswered`: it does that, and hangs up. */
export type Fault = Answer | 'lost' | 'unanswered'

export type SentMail = { readonly from: string; readonly recipients: readonly string[]; readonly raw: Buffer }

export type PushEndpoint = (authorization: string, body: unknown) => Promise<void>

/** An error as Google's APIs tell it. */
export const googleError = (status: number, reason: string, headers = {}): Answer => ({
  status,
  headers,
  json: { error: { code: status, message: reason, errors: [{ domain: 'global', reason, message: reason }] } },
})
