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
  /** It was done, but the answer gets lost. */
  readonly hangUp?: boolean
}
/** `lost`: it hangs up, before it does what was asked. `unanswered`: it does that, and hangs up. */
export type Fault = Answer | 'lost' | 'unanswered'

export type SentMail = { readonly from: string; readonly recipients: readonly string[]; readonly raw: Buffer }

/** Called when an email has been taken, before whoever sends it is told; `lost`: it never is. */
export type OnTaken<Mail> = (mail: Mail) => Promise<'lost' | 'answered'>

export type PushEndpoint = (authorization: string, body: unknown) => Promise<void>

/** An error as Google's APIs tell it. */
export const googleError = (status: number, reason: string, headers = {}): Answer => ({
  status,
  headers,
  json: { error: { code: status, message: reason, errors: [{ domain: 'global', reason, message: reason }] } },
})
