import type { MailServer, TestStep } from '../domain/accounts/events.ts'
import type { DomainEvent, EventMetadata, EventOf, Position, RecordedEvent } from '../domain/event.ts'
import type { Mailbox } from '../domain/mail.ts'
import type { WrittenMailbox } from '../domain/mail.ts'
import type { ClickTracked, OpenTracked } from '../domain/tracking/events.ts'

// ---------------------------------------------------------------- the log

/** An event on its way into the log. The id is a UUID that the caller derives, so that a repeat is recognised. */
export type NewEvent<Event extends DomainEvent = DomainEvent> = Event & {
  readonly id: string
  readonly metadata: EventMetadata
}

/** Nothing is ever appended without a statement of what is there: no stream yet, or exactly this revision. */
export type ExpectedRevision = 'no_stream' | number

export type Append = {
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly events: readonly NewEvent[]
}

/**
 * `repeated`: these events, with these ids, were there already at this place when it was asked for; nothing was
 * written. Of the same append made several times at one moment, a store may tell each that it was the one that wrote.
 */
export type Appended = {
  readonly revision: number
  readonly position: Position
  readonly repeated: boolean
}

/** A stretch of the log. `position` is how far it was read, events or not; `atHead` that nothing lay beyond it then. */
export type Page = {
  readonly events: readonly RecordedEvent[]
  readonly position: Position
  readonly atHead: boolean
}

/** Which events of the log are wanted: those of these types (all when left out), in streams whose name starts so. */
export type EventFilter = {
  readonly types?: readonly string[]
  readonly streamPrefix?: string
}

/** An append holds at most so much, all data and metadata together, as JSON in UTF-8. */
export const MAX_APPEND_BYTES = 1_000_000

/**
 * The log of all events. Positions are strictly increasing in commit order, and a reader that goes on from the
 * position that it was given never misses or repeats an event. Acknowledged means durable.
 */
export type EventStore = {
  /** @throws RevisionConflict, DuplicateEvent, AppendTooLarge */
  append(append: Append): Promise<Appended>
  /** Events of one stream with a revision above `after` (all by default), at most `limit`, oldest first. */
  readStream(stream: string, options?: { after?: number; limit?: number }): Promise<RecordedEvent[]>
  /** One page of the log behind `after` (from the start when null). */
  readAll(options: { after: Position | null; limit: number; filter?: EventFilter }): Promise<Page>
  /** Pages from `after` on, and then live, until `signal` aborts; ends without an error then. */
  subscribe(options: {
    after: Position | null
    limit: number
    filter?: EventFilter
    signal: AbortSignal
  }): AsyncIterable<Page>
  /** The position of the newest event; null while the log is empty. */
  head(): Promise<Position | null>
  /** The newest event's position, and when it was recorded. */
  newest(): Promise<{ readonly position: Position; readonly recordedAt: string } | null>
  /** Whether the text has the form of a position of this kind of log; it may still lie ahead of the head. */
  isPosition(text: string): text is Position
  /**
   * Where the log ended at this instant (RFC 3339): the position of the last event recorded by then, null where there
   * was none. `from` is a position that is known to be no later; a store without an index by time reads on from there.
   */
  positionAt(instant: string, from?: Position | null): Promise<Position | null>
  /** How much of the log lies up to a position, to tell progress: in events, or in bytes where it does not count them. */
  extent(position: Position | null): { readonly unit: 'events' | 'bytes'; readonly amount: number }
  /** Identity of this log, fixed when it was made; kept with every checkpoint. */
  storeId(): Promise<string>
  close(): Promise<void>
}

/** Somebody else wrote first. `actual` is -1 where there is no stream. */
export class RevisionConflict extends Error {
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly actual: number

  constructor(stream: string, expected: ExpectedRevision, actual: number) {
    super(`Stream ${stream} is at revision ${actual}, expected ${expected}`)
    this.name = 'RevisionConflict'
    this.stream = stream
    this.expected = expected
    this.actual = actual
  }
}

/** A text was given for a position that cannot be one of this log. */
export class ForeignPosition extends TypeError {
  constructor() {
    super('This is not a position of this event log')
    this.name = 'ForeignPosition'
  }
}

/** An event id of this append is in the log already, but not as this same append. */
export class DuplicateEvent extends Error {
  readonly stream: string

  constructor(stream: string) {
    super(`An event of this append to ${stream} is already in the log at another place`)
    this.name = 'DuplicateEvent'
    this.stream = stream
  }
}

/** An append of more than MAX_APPEND_BYTES; nothing of it was written. */
export class AppendTooLarge extends Error {
  readonly stream: string

  constructor(stream: string) {
    super(`An append to ${stream} is larger than ${MAX_APPEND_BYTES} bytes`)
    this.name = 'AppendTooLarge'
    this.stream = stream
  }
}

/** The store does not answer, or not as it should. Whether an append was done is not known: it may be asked again. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

// ---------------------------------------------------------------- blobs

/** Bytes under their own SHA-256 (lower-case hex). Putting the same twice is nothing; acknowledged means durable. */
export type BlobStore = {
  put(blobs: readonly { readonly hash: string; readonly content: Uint8Array }[]): Promise<void>
  /** @returns null where there is no such blob */
  get(hash: string): Promise<Buffer | null>
}

// ---------------------------------------------------------------- credentials

/** A value that says nothing of itself when it is printed, serialised or inspected. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]'
  }
}

export type Credentials = { readonly smtpPassword: Secret | null; readonly imapPassword: Secret | null }

/** Passwords of accounts, enveloped; the only place where they are. Versions only grow. */
export type Vault = {
  store(accountId: string, credentials: Credentials): Promise<{ version: number }>
  /** @returns null where nothing is kept, or it was destroyed */
  load(accountId: string, version: number): Promise<Credentials | null>
  destroy(accountId: string): Promise<void>
}

// ---------------------------------------------------------------- mail servers

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

/** One logged-in session with a mailbox (IMAP). Not for concurrent use. Reading changes nothing there (R8). */
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

// ---------------------------------------------------------------- tracking

/** What a pixel's token says. `recipient` is the index in the envelope, null where several share one copy. */
export type OpenToken = { readonly outgoingId: string; readonly recipient: number | null }

/** What a link's token says: also which link, and where it leads (http or https, as WHATWG URL serialises it). */
export type ClickToken = OpenToken & { readonly link: number; readonly url: string }

/** Sealed tokens: only we can make or read one, and reading needs no database. Null for what is not ours. */
export type TrackingTokens = {
  sealOpen(token: OpenToken): string
  sealClick(token: ClickToken): string
  readOpen(text: string): OpenToken | null
  readClick(text: string): ClickToken | null
}

export type TrackedLink = { readonly index: number; readonly url: string; readonly text: string }

/**
 * `links` are those that now lead through us. `failure` says why nothing, or no pixel, could be put in; the HTML is
 * fit to be sent in any case.
 */
export type TrackedHtml = {
  readonly html: string
  readonly links: readonly TrackedLink[]
  readonly pixel: boolean
  readonly failure: 'too-large' | 'too-many-links' | 'not-rewritable' | 'no-place-for-pixel' | null
}

export type MailTracker = {
  /** Puts our pixel and our links into the HTML of one copy of a message. Never throws: tracking never stops mail. */
  track(html: string, copy: OpenToken & { readonly opens: boolean; readonly clicks: boolean }): TrackedHtml
}

/** A request for a pixel or a tracked link, as it will be recorded; `repeats` is 0 until it is. */
export type TrackedHit = EventOf<typeof OpenTracked | typeof ClickTracked>

/** A hit as the spool hands it on. `source` names its place there, for ever the same: a repeat is known by it. */
export type SpooledHit = { readonly source: string; readonly hit: TrackedHit }

export type HitSpool = {
  /** Returns when the hit outlives this process. @throws where it could not be written: the request is answered all the same */
  record(hit: TrackedHit): void
}

// ---------------------------------------------------------------- templates and composing

export type TemplateCompiler = {
  /**
   * The body as HTML, variables untouched; an HTML body as it is.
   * @throws Refused `template-invalid` with line and message of each error, `unsafe-markup` with each finding
   */
  compile(body: { readonly format: 'html' | 'mjml'; readonly source: string }): Promise<string>
  close(): Promise<void>
}

export type ComposedFile = {
  readonly name: string
  readonly contentType: string
  readonly content: Buffer
  /** Shown where the HTML names it as `cid:…`, instead of being listed as an attachment. */
  readonly cid?: string
}

/**
 * Everything of one message; the same input gives the same bytes. Message-IDs are without angle brackets.
 * `trackedHtml` stands in the wire form only, Bcc in the copy only.
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
}

/** `text` is the plain form of the body; `envelope` whom the wire form is for, each address once. */
export type ComposedMail = {
  readonly messageId: string
  readonly mime: Buffer
  readonly copy: Buffer
  readonly text: string
  readonly envelope: { readonly from: string; readonly recipients: string[] }
}

/** @throws Refused `header-control-character`, `no-recipient` */
export type ComposeMail = (mail: MailToCompose) => Promise<ComposedMail>

// ---------------------------------------------------------------- reading mail

/** A part that is no text of the mail. `blob` is the SHA-256 of its content. */
export type ParsedAttachment = {
  readonly name: string | null
  readonly contentType: string
  readonly size: number
  readonly contentId: string | null
  readonly inline: boolean
  readonly blob: string
  readonly content: Uint8Array
}

/** What a delivery status notification (RFC 3464) says of each recipient; `status` is an RFC 3463 code. */
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
 * lies: SHA-256 over Message-ID, From, Date, Subject and the bytes of the body. `trailId` is our own X-Mailtrail-Id.
 * `defects` name what the header lacks or has wrong.
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
  /** Off the main thread, within limits of time and memory. @throws UnreadableMail and nothing else but the signal's reason */
  parse(raw: Buffer, signal?: AbortSignal): Promise<ParsedMail>
  close(): Promise<void>
}

/** A mail beyond the limits, or one that no parser can read. `reason` is stable and kebab-case. */
export class UnreadableMail extends Error {
  readonly reason: string

  constructor(reason: string, message: string) {
    super(message)
    this.name = 'UnreadableMail'
    this.reason = reason
  }
}

// ---------------------------------------------------------------- leases

/** A right to work on something that only one process has at a time. `generation` grows with every change of hands. */
export type Lease = {
  readonly name: string
  readonly generation: number
  /** Aborts when the lease is lost: work under it must stop. */
  readonly signal: AbortSignal
  release(): Promise<void>
}

export type Leases = {
  /** @returns null while another process holds it */
  acquire(name: string, signal: AbortSignal): Promise<Lease | null>
}

// ---------------------------------------------------------------- time

/** The wall clock, as RFC 3339 in UTC with milliseconds. */
export type Clock = () => Date
