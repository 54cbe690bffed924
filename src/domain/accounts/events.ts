import { z } from 'zod'
import { crmId } from '../directory/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { address, folderRoles, instant, oneLine, wantedFolder } from '../mail.ts'
import { connection, testStep } from './connection.ts'

export const accountId = z
  .string()
  .regex(/^acc_[0-9a-hjkmnp-tv-z]{26}$/)
  .describe('Id of an email account')

/** Whose account it is: a person's, or the team's. */
export const owner = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('user'), userId: crmId }),
  z.object({ kind: z.literal('team') }),
])
export type Owner = z.infer<typeof owner>

/** A person's account is theirs alone, the team's everybody's. Null is a program of the CRM, which answers for its users. */
export const mayUse = (of: Owner, userId: string | null): boolean =>
  userId === null || of.kind === 'team' || of.userId === userId

export const MAX_EXCLUDE_PATTERNS = 500

export const accountSettings = z.object({
  displayName: z
    .string()
    .trim()
    .max(200)
    .regex(...oneLine),
  replyTo: address.nullable(),
  syncFrequencyMinutes: z.union([z.literal(1), z.literal(5), z.literal(15), z.literal(30), z.literal(60)]),
  syncDirection: z
    .enum(['both', 'receive', 'send'])
    .describe(
      '`receive`: mail is synced, and nothing is sent from the account. `send`: emails are sent, nothing is synced, and no copies are put into the Sent folder. `both`: all of it',
    ),
  historyDays: z
    .int()
    .min(0)
    .max(36500)
    .nullable()
    .describe('How far back mail is synced that was there before; null: the whole mailbox'),
  trackOpens: z.boolean(),
  trackClicks: z.boolean(),
  addPixel: z.boolean(),
  rewriteLinks: z.boolean(),
  folders: z
    .array(wantedFolder)
    .min(1)
    .max(200)
    .describe(
      'What is synced: roles, whatever the folders are called, and paths as the list of folders shows them. `all` where the mailbox has no such folder: every folder but Junk and Trash',
    ),
  folderRoles: folderRoles.describe(
    'Roles given by hand, by path, where the mailbox says nothing or the wrong thing of a folder',
  ),
  excludePatterns: z
    .array(z.string().trim().min(1).max(254))
    .max(MAX_EXCLUDE_PATTERNS)
    .describe('Senders whose mail is kept out; `*` and `?` stand for any characters'),
})
export type AccountSettings = z.infer<typeof accountSettings>

export const defaultSettings: AccountSettings = {
  displayName: '',
  replyTo: null,
  syncFrequencyMinutes: 5,
  syncDirection: 'both',
  historyDays: 30,
  trackOpens: true,
  trackClicks: true,
  addPixel: true,
  rewriteLinks: true,
  folders: ['inbox', 'sent'],
  folderRoles: {},
  excludePatterns: [],
}

/**
 * What an account is reached with. `sends`, `receives`: what the connection can be used for. The secrets that belong to it
 * are kept as `credentialVersion` in the vault. `filesCopies`: the mailbox is known to put what is sent into its Sent
 * folder by itself.
 */
const reached = {
  connection,
  sends: z.boolean(),
  receives: z.boolean(),
  filesCopies: z.boolean().optional(),
  credentialVersion: z.int(),
}

export const AccountConnected = defineEvent(
  'AccountConnected',
  z.object({
    accountId,
    address,
    owner,
    ...reached,
    settings: accountSettings,
  }),
)
export const AccountConnectionChanged = defineEvent(
  'AccountConnectionChanged',
  z.object({ accountId, ...reached }),
)
export const AccountSettingsChanged = defineEvent(
  'AccountSettingsChanged',
  z.object({ accountId, settings: accountSettings }),
)
export const AccountSignatureChanged = defineEvent(
  'AccountSignatureChanged',
  z.object({ accountId, html: z.string().max(100_000) }),
)
export const AccountConnectionTested = defineEvent(
  'AccountConnectionTested',
  z.object({ accountId, ok: z.boolean(), steps: z.array(testStep) }),
)
export const SyncRequested = defineEvent('SyncRequested', z.object({ accountId }))
export const AccountPaused = defineEvent(
  'AccountPaused',
  z.object({ accountId, reason: z.string().max(500) }),
)
export const AccountResumed = defineEvent('AccountResumed', z.object({ accountId }))
export const AccountDisconnected = defineEvent(
  'AccountDisconnected',
  z.object({ accountId, reason: z.string().max(500) }),
)
/** A person lets a message be that the mailbox lists and that is not here: it is an error no more, nor asked for again. */
export const WithheldMessageDismissed = defineEvent(
  'WithheldMessageDismissed',
  z.object({ accountId, folder: z.string(), ref: z.string() }),
)
/** In the stream `defaultaccount-<owner>`: choosing one account lets go of the one before. */
export const DefaultAccountChosen = defineEvent('DefaultAccountChosen', z.object({ owner, accountId }))
/** `accountId` was the owner's default until then; there is none now. */
export const DefaultAccountUnset = defineEvent('DefaultAccountUnset', z.object({ owner, accountId }))

/**
 * In the stream `mailboxclaim-<fingerprint>`, one for each mailbox and one for each address of an owner: an account is
 * about to be connected to it.
 */
export const MailboxClaimed = defineEvent('MailboxClaimed', z.object({ accountId, claimedAt: instant }))

export const accountEvents = [
  AccountConnected,
  AccountConnectionChanged,
  AccountSettingsChanged,
  AccountSignatureChanged,
  AccountConnectionTested,
  SyncRequested,
  AccountPaused,
  AccountResumed,
  AccountDisconnected,
  WithheldMessageDismissed,
] as const
export type AccountEvent = EventOf<(typeof accountEvents)[number]>
export type MailboxClaimEvent = EventOf<typeof MailboxClaimed>
export const defaultAccountEvents = [DefaultAccountChosen, DefaultAccountUnset] as const
export type DefaultAccountEvent = EventOf<(typeof defaultAccountEvents)[number]>
