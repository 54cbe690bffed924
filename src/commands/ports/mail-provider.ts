import type {
  Connection,
  ConnectionForms,
  EnteredConnection,
  TestStep,
} from '../../domain/accounts/connection.ts'
import type { FolderRole, FolderRoles } from '../../domain/mail.ts'
import type { MailTrouble } from '../../domain/mail-trouble.ts'
import { defineCode } from '../../domain/refusal.ts'
import type { FolderLeft, Placement, SyncCursor } from '../../domain/sync/events.ts'
import type { MailboxStorage } from '../../domain/sync/mailbox-storage.ts'
import type { Preset } from './connecting.ts'
import type { Credentials } from './credentials.ts'
import type { SignIn } from './sign-in.ts'

// The mail system of one account, in its users' terms. IMAP's UIDs, Gmail's history and Graph's deltas are known only
// to the adapters: here a placement's `ref` and a cursor are opaque texts that are stored and passed back.

/**
 * How a mailbox is reached: the part that may be recorded, and the part that is sealed. `renew` replaces the latter, as
 * `renew` of the vault; there is none while nothing is stored yet.
 */
export type Access = {
  readonly connection: Connection
  readonly credentials: Credentials
  readonly renew?: RenewCredentials
}
type RenewCredentials = (
  renewed: (stored: Credentials) => Promise<Credentials | null>,
) => Promise<Credentials | null>

/**
 * An access that a person entered, fit to be tried. `sends`, `receives`: what it can be used for. `filesCopies`: the
 * mailbox is known to put copies of sent emails into its Sent folder by itself. `mailbox` is equal for two that lead to
 * the same mailbox; it may be personal.
 */
export type Admitted = Access & {
  readonly sends: boolean
  readonly receives: boolean
  readonly filesCopies: boolean
  readonly mailbox: string
}

/** A kind of mail system. `name` is unique; an account's connection refers to it. */
export type MailProvider = {
  readonly name: string
  readonly forms: ConnectionForms
  /** For accounts that are connected by signing in with the provider, and not by entering anything. */
  readonly signIn?: SignIn
  /** For accounts that are connected by entering something: how the form is filled for each tile that leads to it. */
  readonly presets?: readonly Preset[]
  /** What people call an account with this connection, such as `IMAP`. */
  title(connection: Connection): string
  /**
   * Splits what a person entered into what is recorded and what is sealed. For a change, `before` is the access in use:
   * omitted secrets are kept, unless that would hand them to somebody new.
   * @throws Refused if something is missing
   */
  admit(entered: EnteredConnection, before: Access | null): Admitted
  /** Tests it step by step; a failed step carries its code and remedy, and later steps are `skipped`. */
  test(access: Access, signal: AbortSignal): Promise<{ ok: boolean; steps: TestStep[] }>
  /** Signs in to the mailbox of a connection that receives; `roles` are those given by hand. @throws MailUnavailable */
  open(access: Access, roles: FolderRoles, signal: AbortSignal): Promise<MailboxSession>
  /** One attempt to send, as `SendOutcome` says. Never throws but what `release` throws. */
  send(
    access: Access,
    email: EmailToSend,
    release: (handle: string | null) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<SendOutcome>
  /**
   * Calls `onHint` when there may be something new, until `signal` aborts. Only a hint: hints get lost, and `changes`
   * alone tells what is new. Returns at once if the mailbox does not support this.
   * @throws MailUnavailable if the watch breaks
   */
  watch(access: Access, onHint: () => void, signal: AbortSignal): Promise<void>
  /**
   * Takes what the mail system pushes to us over HTTP when a mailbox may have something new: whoever watches that gets
   * a hint, in whatever process. False if it is not the mail system's own word.
   */
  takePush?(push: Push): Promise<boolean>
  close(): Promise<void>
}

/** A request that a mail system sends to us. */
export type Push = { readonly authorization: string | null; readonly body: unknown }

// ---------------------------------------------------------------- reading

export type MailFolder = { readonly folder: string; readonly role: FolderRole | null }

/** A folder as the mailbox lists it. `opens`: it can be opened, and so have messages in it. */
export type ListedFolder = MailFolder & { readonly opens: boolean }

/**
 * What has happened to a message in a folder. `added`: it is there, and its bytes are fetched with `raw`. `moved`: the
 * same message is elsewhere now, if the mailbox knows that; a provider that does not reports `gone` and `added`. If its
 * old place is unknown, it is fetched at the new one.
 *
 * Flags are `seen`, `answered`, `flagged`, `draft` and `deleted`; all others are as the mailbox has them. They are
 * sorted and unique.
 */
export type MailChange =
  | { readonly kind: 'added'; readonly placement: Placement }
  | {
      readonly kind: 'moved'
      readonly from: Placement
      readonly to: Placement
      readonly flags: readonly string[]
    }
  | { readonly kind: 'flagged'; readonly placement: Placement; readonly flags: readonly string[] }
  | { readonly kind: 'gone'; readonly placement: Placement }

/**
 * Changes that are recorded together, at most a few hundred. `folders` are those that were looked at for it. `cursor` is
 * where one goes on from when all of it is stored; null where it says nothing of that. `left`: how many messages that were
 * there before are still to come, where the mailbox tells that and not merely guesses. `trouble`: a folder that could not
 * be read, which keeps the others from nothing. `missing`: what was asked for names no folder.
 */
export type ChangeSet =
  | {
      readonly kind: 'changes'
      readonly folders: readonly MailFolder[]
      readonly changes: readonly MailChange[]
      readonly cursor: SyncCursor | null
      readonly left?: readonly FolderLeft[]
    }
  | { readonly kind: 'trouble'; readonly folder: MailFolder; readonly trouble: MailUnavailable }
  | { readonly kind: 'missing'; readonly wanted: string }

/** A message that the product believes to be in a folder. */
export type KnownPlace = { readonly ref: string; readonly flags: readonly string[] }

/**
 * What is known of the mailbox, for providers that do not report every change and have to compare. May lag behind what
 * was recorded. References are ordered as text, by their bytes.
 */
export type KnownPlaces = {
  /** Those of a folder whose reference is below `below` (all if null), the highest first, at most `limit`. */
  page(folder: string, below: string | null, limit: number): Promise<readonly KnownPlace[]>
}

/**
 * What is asked for. `folders`: roles and paths, as `wantedFolders` takes them. `since`: how far back mail is fetched that was
 * there before (null: all of it); an earlier one than in the run before fetches what lies between. `thorough`: a person
 * asked, so look at what is otherwise looked at now and then.
 */
export type ChangesQuery = {
  readonly cursors: readonly SyncCursor[]
  readonly folders: readonly string[]
  readonly since: Date | null
  readonly now: Date
  readonly thorough: boolean
  readonly known: KnownPlaces
}

/** The bytes of a message, as the mailbox has them. `receivedAt` in RFC 3339. */
export type RawMessage = {
  readonly placement: Placement
  readonly flags: readonly string[]
  readonly receivedAt: string
  readonly raw: Buffer
}

/**
 * `gone`: it is no longer there. `withheld`: it is there, but the mailbox does not hand it out. `too-large`: it is there,
 * but larger than the adapter takes.
 */
export type MissingMessage = {
  readonly placement: Placement
  readonly missing: 'gone' | 'withheld' | 'too-large'
}

/** What an email of ours is known by: some mailboxes give it a Message-ID of their own, and leave our X-Mailtrail-Id. */
export type NamedEmail = { readonly messageId: string; readonly trailId: string }

/**
 * One session with a mailbox. Not for concurrent use, except that `raw` and `close` may be called between two sets of
 * `changes`. Reading changes nothing in the mailbox. Every call throws MailUnavailable.
 */
export type MailboxSession = {
  folders(): Promise<readonly ListedFolder[]>
  /**
   * What has changed since the cursors: new mail first, then what was there before, then flags, and what is gone last,
   * after all folders, so that a message which was moved has its new place by then. Without a cursor all that lies in the
   * window. A cursor that the mailbox does not know any more is no error: it is read anew, and nothing is lost. Of a
   * folder that is not asked for nothing is told, nor of one that has another name now and is not asked for under it:
   * what lay there is not gone.
   */
  changes(query: ChangesQuery): AsyncIterable<ChangeSet>
  /** Each of these messages, or that it is missing, in any order. */
  raw(placements: readonly Placement[]): AsyncIterable<RawMessage | MissingMessage>
  /**
   * What the mailbox shows of an email that was released: `not-sent` only if that is certain, so that sending it again
   * cannot send it twice. `handle` is what `send` passed to `release`.
   */
  whatBecameOf(
    email: NamedEmail & { readonly handle: string | null },
  ): Promise<'sent' | 'not-sent' | 'unknown'>
  /**
   * Puts the copy of a sent email where the mailbox keeps those, read, unless it has one already (`found`), which may be
   * one that it files by itself at that very moment. `content` is
   * asked for only where it is needed. `impossible`: there is no such folder, or no content.
   */
  fileCopy(
    copy: NamedEmail & { readonly sentAt: Date; readonly content: () => Promise<Buffer | null> },
  ): Promise<{ readonly outcome: 'filed' | 'found' | 'impossible'; readonly folder: string | null }>
  /**
   * Moves messages into the mailbox's trash, from wherever they are: nothing is deleted for good. What is there already,
   * or gone, is left alone. Missing where a mailbox cannot do this. `impossible`: `code` says why.
   */
  moveToTrash?(placements: readonly Placement[]): Promise<Trashed>
  /** How full the mailbox is; null where it does not say. Missing where no mailbox of the kind says it. */
  storage?(): Promise<MailboxStorage | null>
  close(): Promise<void>
}

export type Trashed =
  | { readonly outcome: 'moved' | 'none' }
  | { readonly outcome: 'impossible'; readonly code: string }

export const noTrash = defineCode('no-trash', {
  title: 'No trash in the mailbox',
  meaning: 'The mailbox has no folder for deleted messages, or none that messages can be moved into.',
  remedy: 'Delete the message in the mailbox itself, or give a folder the role `trash` in `folderRoles`.',
})

// ---------------------------------------------------------------- sending

export type EmailToSend = {
  readonly envelope: { readonly from: string; readonly recipients: readonly string[] }
  readonly messageId: string
  readonly mime: Buffer
}

export type RefusedRecipient = {
  readonly address: string
  readonly code: number | null
  readonly enhancedCode: string | null
  readonly reason: string
}

/**
 * The outcome of one attempt, which has two steps. First everything is handed over except the word that sends it (the
 * dot that ends SMTP's DATA, RFC 5321 4.1.1.4; sending a draft). Then `release` is awaited, which records that the
 * email goes; only if it returns true is the second step made. `handle` is the provider's own name for what it has
 * prepared, if there is one: after a crash between the steps it tells whether the email went.
 *
 * `sent`: the provider has taken responsibility. `deferred` (not before `until`, where it said so) and `failed`: known not
 * to be sent. Recipients that were `refused` are so for good; those that were `putOff` may be taken another time, by
 * themselves. `withdrawn`: `release` said no, and nothing was sent. `unknown`: released, and the answer was lost.
 */
export type SendOutcome =
  | {
      readonly kind: 'sent'
      readonly accepted: string[]
      readonly refused: RefusedRecipient[]
      readonly putOff: RefusedRecipient[]
    }
  | {
      readonly kind: 'deferred'
      readonly code: string
      readonly reason: string
      readonly until?: Date | undefined
      readonly refused?: RefusedRecipient[]
      readonly putOff?: RefusedRecipient[]
    }
  | {
      readonly kind: 'failed'
      readonly code: string
      readonly reason: string
      readonly remedy: string
      readonly refused: RefusedRecipient[]
    }
  | { readonly kind: 'withdrawn' }
  | { readonly kind: 'unknown'; readonly reason: string }

// ---------------------------------------------------------------- what stands in the way

/**
 * The mailbox cannot be used now. `sign-in-again`: the login is not accepted, and only a person can fix it.
 * `scope-missing`: signed in, but not permitted to do this. `throttled`: not before `until`. `gone`: the mailbox or
 * folder does not exist. `refused`: by our own guard or the provider's policy. `temporary`: may pass with time. `code`
 * is stable; `message` is in our words, without secrets or the server's own text.
 */
export class MailUnavailable extends Error {
  override readonly name = 'MailUnavailable'
  readonly kind: MailTrouble
  readonly code: string
  readonly remedy: string
  readonly until: Date | null

  constructor(kind: MailTrouble, code: string, message: string, remedy: string, until: Date | null = null) {
    super(message)
    this.kind = kind
    this.code = code
    this.remedy = remedy
    this.until = until
  }
}

// ---------------------------------------------------------------- for commands

/**
 * The provider of a connection.
 * @throws Error if this program has none of that name
 */
export type ProviderOf = (connection: { readonly provider: string }) => MailProvider

/**
 * Signs in to the account's mailbox; null if the account receives no mail, or was disconnected.
 * @throws MailUnavailable, also if no credentials are stored (`sign-in-again`)
 */
export type OpenMailbox = (accountId: string, signal: AbortSignal) => Promise<MailboxSession | null>

/**
 * `watch` of the account's provider, while the account receives mail.
 * @throws like `OpenMailbox`
 */
export type WatchMailbox = (accountId: string, onHint: () => void, signal: AbortSignal) => Promise<void>
