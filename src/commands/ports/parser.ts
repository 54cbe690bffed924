import type { WrittenMailbox } from '../../domain/mail.ts'

/**
 * A file of the mail, its content as it was sent; those in a winmail.dat too. `inline` is what the shown HTML refers
 * to. `blob` is the SHA-256 of its content.
 */
export type ParsedAttachment = {
  readonly name: string | null
  readonly contentType: string
  readonly size: number
  readonly contentId: string | null
  readonly inline: boolean
  readonly blob: string
  readonly content: Uint8Array
}

/**
 * What a report says of the delivery of another mail, to each recipient: from its status part (RFC 3464, RFC 6533), or
 * from the words of a server that sends none. `originalMessageId` and `originalTrailId` (our X-Mailtrail-Id) are those
 * of the mail that it is about.
 */
export type DeliveryStatus = {
  readonly originalMessageId: string | null
  readonly originalTrailId: string | null
  readonly recipients: readonly {
    /** The one that the mail was sent to; null where only that it failed is certain. */
    readonly address: string | null
    /** Others that the report has for the same recipient: what an alias or a forward led to. */
    readonly otherAddresses: readonly string[]
    readonly action: 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded'
    /** Enhanced status code (RFC 3463), of the server that refused where the reporter's own says less. */
    readonly status: string | null
    /** Reply code of SMTP. */
    readonly code: number | null
    /** The server's own words, in one line. */
    readonly diagnostic: string | null
    readonly remoteMta: string | null
    /** Until when the reporter goes on trying. */
    readonly retryUntil: string | null
  }[]
}

/**
 * What a mail is found by. `words` are its words with their places, as PostgreSQL reads a tsvector: people at weight A,
 * the subject B, names of attachments C, the text D. `beginning` is the text as far as it is shown with what was found.
 */
export type SearchText = {
  readonly words: string
  /** The one that its words are stemmed in; null if there is none. */
  readonly language: string | null
  readonly beginning: string
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
  readonly search: SearchText
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
