import { z } from 'zod'
import { crmId } from '../directory/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { address, folderRoles, instant, oneLine, wantedFolder } from '../mail.ts'
import { visibility } from '../visibility.ts'
import { connection, testStep } from './connection.ts'

export const accountId = z
  .string()
  .regex(/^acc_[0-9a-hjkmnp-tv-z]{26}$/)
  .describe('Id of an email account')

/** Who owns the account: a user or the team. */
export const owner = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('user'), userId: crmId }),
  z.object({ kind: z.literal('team') }),
])
export type Owner = z.infer<typeof owner>

/** What a member of an account may do with it. */
export const accessLevel = z
  .enum(['full', 'send', 'read'])
  .describe(
    '`full`: everything the owner may. `send`: send as the address, and see only what one has sent and the answers to it. `read`: see all its mail, and change nothing',
  )
export type AccessLevel = z.infer<typeof accessLevel>

export const MAX_MEMBERS = 500

/** To whom access is given: one user, or every user of the CRM who is not named. */
export const grantee = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('user'), userId: crmId }),
  z.object({ kind: z.literal('everyone') }),
])
export type Grantee = z.infer<typeof grantee>

export const MAX_EXCLUDE_PATTERNS = 500

/** Whose mail is kept out. An account has each at most once: both parts together are its name. */
export const excludePattern = z.object({
  pattern: z
    .string()
    .trim()
    .min(1)
    .max(254)
    .describe('Addresses; `*` stands for any characters, `?` for one, and case does not matter'),
  match: z
    .enum(['sender', 'participant'])
    .describe(
      '`sender`: mail that such an address wrote to the account. `participant`: mail that such an address wrote or received; the address of the account itself does not count',
    ),
})
export type ExcludePattern = z.infer<typeof excludePattern>

export const isSamePattern = (a: ExcludePattern, b: ExcludePattern): boolean =>
  a.pattern === b.pattern && a.match === b.match

const linkRules = z
  .object({
    byAddress: z.boolean().describe('Mail is linked to the contact that has the address'),
    byName: z
      .boolean()
      .describe(
        'A contact with the name is suggested, and linked if its company has the domain of the address and no other contact fits',
      ),
    byDomain: z.boolean().describe('Mail is linked to the company that has the domain'),
    confirmAll: z.boolean().describe('What the rules would link is suggested for somebody to confirm'),
  })
  .describe('How mail is linked to the records of the CRM')
export type LinkRules = z.infer<typeof linkRules>

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
      '`receive`: mail is synced, but nothing is sent from the account. `send`: emails are sent, but nothing is synced and no copies are put into the Sent folder. `both`: everything',
    ),
  historyDays: z
    .int()
    .min(0)
    .max(36500)
    .nullable()
    .describe('How many days of older mail are synced; null for the whole mailbox'),
  trackOpens: z.boolean(),
  trackClicks: z.boolean(),
  addPixel: z.boolean(),
  rewriteLinks: z.boolean(),
  folders: z
    .array(wantedFolder)
    .min(1)
    .max(200)
    .describe(
      'What is synced: roles, whatever the folders are called, or paths as in the list of folders. If the mailbox has no folder with the role `all`, that means every folder except Junk and Trash',
    ),
  folderRoles: folderRoles.describe(
    'Roles by path, for folders whose role the mailbox does not tell or gets wrong',
  ),
  excludePatterns: z
    .array(excludePattern)
    .max(MAX_EXCLUDE_PATTERNS)
    .describe('Mail that is not stored. Emails sent from here are stored in any case'),
  keep: z
    .enum(['everything', 'known-contacts'])
    .describe(
      '`known-contacts`: mail is stored only if somebody on it, other than you and your colleagues, has the address of a contact or one at the domain of a company, as linking by address and domain would find; answers to emails sent from here and reports about them are stored in any case. What is stored already stays. When a contact is added later, a backfill of the account brings back what had been left out',
    ),
  autoLink: z.boolean().describe('Whether mail is linked to the records of the CRM by rules'),
  linkRules,
  visibility: visibility
    .nullable()
    .describe(
      "How much of its mail other users see: `nothing`; `metadata`: who, when, which way, folders and counts; `subject`: the subject too; `everything`: all of it, for reading only. Null for the organisation's default; its floor is the least in any case",
    ),
})
export type AccountSettings = z.infer<typeof accountSettings>

/** Some of the settings, of the rules for links too: the others stay as they are. */
export const settingsChange = accountSettings
  .extend({
    linkRules: linkRules
      .partial()
      .describe('How mail is linked to the records of the CRM; what is left out stays as it is'),
  })
  .partial()
export type SettingsChange = z.infer<typeof settingsChange>

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
  keep: 'everything',
  autoLink: true,
  linkRules: { byAddress: true, byName: true, byDomain: true, confirmAll: false },
  visibility: null,
}

/**
 * How the account is reached. `sends`, `receives`: what the connection can be used for. Its secrets are in the vault as
 * `credentialVersion`. `filesCopies`: the mailbox is known to put sent mail into its Sent folder by itself.
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
/** From now on `grantee` has this level of access, in place of any other. */
export const AccountAccessGranted = defineEvent(
  'AccountAccessGranted',
  z.object({ accountId, grantee, level: accessLevel }),
)
export const AccountAccessRevoked = defineEvent('AccountAccessRevoked', z.object({ accountId, grantee }))
/** Access of members stays; what everyone may is as when such an account is connected. */
export const AccountOwnerChanged = defineEvent(
  'AccountOwnerChanged',
  z.object({ accountId, owner, formerOwner: owner }),
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
/**
 * What became of the access to the mailbox at the provider when the account was disconnected. Here it is destroyed in
 * any case.
 */
export const AccountAccessWithdrawn = defineEvent(
  'AccountAccessWithdrawn',
  z.object({ accountId, outcome: z.enum(['withdrawn', 'failed', 'not-offered']) }),
)
export type WithdrawalOutcome = EventOf<typeof AccountAccessWithdrawn>['data']['outcome']
/**
 * A user dismisses a message that the mailbox lists but that is not here: it is no longer an error, nor requested
 * again.
 */
export const WithheldMessageDismissed = defineEvent(
  'WithheldMessageDismissed',
  z.object({ accountId, folder: z.string(), ref: z.string() }),
)
/** In the stream `defaultaccount-<owner>`: choosing an account drops the previous one. */
export const DefaultAccountChosen = defineEvent('DefaultAccountChosen', z.object({ owner, accountId }))
/** `accountId` was the owner's default until now; there is none from now on. */
export const DefaultAccountUnset = defineEvent('DefaultAccountUnset', z.object({ owner, accountId }))

/**
 * In the stream `mailboxclaim-<fingerprint>`, one for each mailbox and one for each address of an owner: an account is
 * about to be connected to it.
 */
export const MailboxClaimed = defineEvent('MailboxClaimed', z.object({ accountId, claimedAt: instant }))

export const accountEvents = [
  AccountConnected,
  AccountAccessGranted,
  AccountAccessRevoked,
  AccountOwnerChanged,
  AccountConnectionChanged,
  AccountSettingsChanged,
  AccountSignatureChanged,
  AccountConnectionTested,
  SyncRequested,
  AccountPaused,
  AccountResumed,
  AccountDisconnected,
  AccountAccessWithdrawn,
  WithheldMessageDismissed,
] as const
export type AccountEvent = EventOf<(typeof accountEvents)[number]>
export type MailboxClaimEvent = EventOf<typeof MailboxClaimed>
export const defaultAccountEvents = [DefaultAccountChosen, DefaultAccountUnset] as const
export type DefaultAccountEvent = EventOf<(typeof defaultAccountEvents)[number]>
