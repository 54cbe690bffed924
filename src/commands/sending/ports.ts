import type { Connection } from '../../domain/accounts/connection.ts'
import type { AccessRights } from '../../domain/accounts/access-rights.ts'
import type { AccountSettings } from '../../domain/accounts/events.ts'
import type { Company, Contact, Deal, Organization, User } from '../../domain/directory/events.ts'
import type { ReportedRecipient } from '../../domain/sending/events.ts'
import type { ReplyParent } from '../../domain/sending/reply.ts'
import type { Visibility } from '../../domain/visibility.ts'
import type { Caller } from '../handle.ts'

// What sending asks of other features, in its own terms; the composition root supplies it.

export type SendingAccount = AccessRights & {
  readonly status: 'active' | 'paused' | 'disconnected'
  readonly accountId: string
  readonly address: string
  readonly connection: Connection
  readonly sends: boolean
  readonly credentialVersion: number
  readonly settings: AccountSettings
  readonly signature: string
}

/** The account as its stream has it; null if it was never connected. */
export type FindAccount = (accountId: string) => Promise<SendingAccount | null>

/** The same, if it may send and sync now. @throws Refused with the reason why not */
export type ActiveAccount = (accountId: string) => Promise<SendingAccount>

/** How much of an account's mail this user (null: a program) sees. */
export type VisibilityOf = (accountId: string, userId: string | null) => Promise<Visibility>

/** The account used when none is named; null if no default was chosen. */
export type DefaultAccount = (userId: string | null) => Promise<string | null>

/** The CRM's records; null for those it never recorded or has removed. */
export type DirectoryLookup = {
  user(id: string): Promise<User | null>
  contact(id: string): Promise<Contact | null>
  company(id: string): Promise<Company | null>
  deal(id: string): Promise<Deal | null>
  organization(): Promise<Organization | null>
  /** The ids of the contacts with this address. */
  contactsOfAddress(address: string): Promise<readonly string[]>
  /** The ids of the contacts with one of these addresses who opted out of tracking. */
  optedOutAmong(addresses: readonly string[]): Promise<readonly string[]>
}

/** A version of a template that this user (null: a program) may use, compiled to HTML; null if there is none. */
export type FindTemplate = (
  template: { readonly templateId: string; readonly version: number },
  userId: string | null,
) => Promise<{ readonly subject: string; readonly html: string } | null>

/** A message in a mailbox (`msg_…`) to reply to. */
export type FindMessage = (messageId: string) => Promise<ReplyParent | null>

/**
 * Announces a reply in the conversation of what it answers (`to`). `seen`: the version of that which its writer has seen.
 * @throws Refused if somebody else has answered meanwhile, unless it is to be sent `anyway`
 */
export type ReserveReply = (
  caller: Caller,
  reply: {
    readonly outgoingId: string
    readonly userId: string | null
    readonly to: string
    readonly seen: number | null
    readonly anyway: boolean
    readonly at: string
  },
) => Promise<void>

/** What a delivery report says about an email of ours. `reportId` is the synced message that it came in. */
export type DeliveryReport = {
  readonly reportId: string
  readonly receivedAt: string
  /**
   * `otherAddresses`: further addresses that the report gives for the same recipient, for example of an alias or a
   * forward.
   */
  readonly recipients: readonly (ReportedRecipient & { readonly otherAddresses?: readonly string[] })[]
}

/** Random numbers in [0, 1). */
export type Chance = () => number
