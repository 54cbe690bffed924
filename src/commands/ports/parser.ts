import type { WrittenMailbox } from '../../domain/mail.ts'

/** A part that is not the text of the mail. `blob` is the SHA-256 of its content. */
export type ParsedAttachment = {
  readonly name: string | null
  readonly contentType: string
  readonly size: number
  readonly contentId: string | null
  readonly inline: boolean
  readonly blob: string
  readonly content: Uint8Array
}

/** The status of each recipient in a delivery status notification (RFC 3464); `status` is an RFC 3463 code. */
export type DeliveryStatus = {
  readonly originalMessageId: string | null
  readonly recipients: readonly {
    readonly address: string
    readonly action: 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'
    readonly status: string | null
  }[]
}

/**
 * A received mail as plain data, without U+0000 and lone surrogates. `identity` is equal for the same mail wherever it
 * is: SHA-256 over Message-ID, From, Date, Subject and the bytes of the body. `trailId` is our own X-Mailtrail-Id.
 * `defects` name what is missing or wrong in the header.
 */
export type ParsedMail = {
  readonly identity: string
  readonly header: {
    readonly messageId: string
    readonly inReplyTo: string[]
    readonly references: string[]
    readonly subject: string
    readonly from: WrittenMailbox[]
    readonly to: WrittenMailbox[]
    readonly cc: WrittenMailbox[]
    readonly replyTo: WrittenMailbox[]
  }
  readonly sentAt: string | null
  readonly text: string | null
  readonly html: string | null
  readonly hasHtml: boolean
  readonly snippet: string
  readonly attachments: readonly ParsedAttachment[]
  readonly automatic: 'auto-reply' | 'report' | 'list' | 'bulk' | null
  readonly delivery: DeliveryStatus | null
  readonly trailId: string | null
  readonly defects: readonly string[]
}

export type MailParser = {
  /**
   * Parses off the main thread, within limits of time and memory.
   * @throws UnreadableMail, or the signal's reason
   */
  parse(raw: Buffer, signal?: AbortSignal): Promise<ParsedMail>
  close(): Promise<void>
}

/** A mail that exceeds the limits or cannot be parsed. `reason` is stable and kebab-case. */
export class UnreadableMail extends Error {
  readonly reason: string

  constructor(reason: string, message: string) {
    super(message)
    this.name = 'UnreadableMail'
    this.reason = reason
  }
}
