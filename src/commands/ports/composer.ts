import type { Mailbox } from '../../domain/mail.ts'
import type { Assembled, Writing } from '../../domain/sending/assemble.ts'

/** `assemble`, wherever it is done. */
export type AssembleMail = (writing: Writing) => Promise<Assembled>

export type ComposedFile = {
  readonly name: string
  readonly contentType: string
  readonly content: Buffer
  /** Displayed where the HTML refers to it as `cid:…`, instead of being listed as an attachment. */
  readonly cid?: string
}

/**
 * Everything in one email; the same input gives the same bytes. Message-IDs are without angle brackets. `trackedHtml`
 * goes into the wire form only, Bcc into the copy only.
 */
export type MailToCompose = {
  readonly outgoingId: string
  readonly from: Mailbox
  readonly replyTo: string | null
  readonly to: readonly Mailbox[]
  readonly cc: readonly Mailbox[]
  readonly bcc: readonly Mailbox[]
  readonly subject: string
  readonly date: Date
  readonly inReplyTo: string | null
  readonly references: readonly string[]
  readonly html: string
  readonly trackedHtml: string | null
  readonly files: readonly ComposedFile[]
  /** Whether no person wrote it, so that no program answers it (RFC 3834 5). */
  readonly automatic: boolean
}

/** `text` is the body as plain text; `envelope` has the recipients of the wire form, each address once. */
export type ComposedMail = {
  readonly messageId: string
  readonly mime: Buffer
  readonly copy: Buffer
  readonly text: string
  readonly envelope: { readonly from: string; readonly recipients: string[] }
}

/** @throws Refused `header-control-character`, `no-recipient` */
export type ComposeMail = (mail: MailToCompose) => Promise<ComposedMail>
