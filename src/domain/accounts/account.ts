import { NotFound, type Decider } from '../decider.ts'
import { isUserOfKey } from '../ids.ts'
import { defineRefusal } from '../refusal.ts'
import { levelOf, requireLevel, rightsAfter, rightsOfOwner, type AccessRights } from './access-rights.ts'
import {
  AccountAccessGranted,
  AccountAccessRevoked,
  AccountAccessWithdrawn,
  AccountConnected,
  AccountDisconnected,
  AccountOwnerChanged,
  AccountPaused,
  AccountResumed,
  AccountConnectionChanged,
  AccountSettingsChanged,
  AccountConnectionTested,
  AccountSignatureChanged,
  SyncRequested,
  WithheldMessageDismissed,
  MAX_EXCLUDE_PATTERNS,
  MAX_MEMBERS,
  isSamePattern,
  type AccessLevel,
  type AccountEvent,
  type AccountSettings,
  type SettingsChange,
  type ExcludePattern,
  type Grantee,
  type Owner,
  type WithdrawalOutcome,
} from './events.ts'
import type { Connection, TestStep } from './connection.ts'
import { accountDisconnected, accountPaused, accountReceivesNoMail, notYourAccount } from './refusals.ts'

// ---------------------------------------------------------------- state

/** An account that was connected, whatever became of it since. */
export type ConnectedAccount = AccessRights & {
  readonly status: 'active' | 'paused' | 'disconnected'
  readonly accountId: string
  readonly address: string
  readonly connection: Connection
  /** What the connection can be used for. */
  readonly sends: boolean
  readonly receives: boolean
  /** The mailbox is known to put sent mail into its Sent folder by itself. */
  readonly filesCopies?: boolean | undefined
  readonly credentialVersion: number
  readonly settings: AccountSettings
  readonly signature: string
  /** Whose it was before it got its present owner; null if it never had another. */
  readonly formerOwner: Owner | null
  /** Messages that somebody dismissed, although the mailbox lists them and they are not here. */
  readonly dismissed: readonly Dismissed[]
}
export type Dismissed = { readonly folder: string; readonly ref: string }
export type Account = { readonly status: 'none' } | ConnectedAccount

// ---------------------------------------------------------------- commands

type Reached = Pick<
  ConnectedAccount,
  'connection' | 'sends' | 'receives' | 'filesCopies' | 'credentialVersion'
>

/** `by` is the user of the CRM who asks; null if a program asks on nobody's behalf. */
export type AccountCommand = { readonly by: string | null } & (
  | ({ readonly do: 'connect' } & Omit<
      ConnectedAccount,
      'status' | 'signature' | 'formerOwner' | 'dismissed' | 'everyone' | 'members'
    >)
  | { readonly do: 'grant-access'; readonly grantee: Grantee; readonly level: AccessLevel }
  | { readonly do: 'revoke-access'; readonly grantee: Grantee }
  | { readonly do: 'change-owner'; readonly owner: Owner }
  | ({ readonly do: 'change-connection' } & Reached)
  | { readonly do: 'change-settings'; readonly settings: SettingsChange }
  | { readonly do: 'change-signature'; readonly html: string }
  | { readonly do: 'add-exclude-pattern' | 'remove-exclude-pattern'; readonly pattern: ExcludePattern }
  | { readonly do: 'record-test'; readonly ok: boolean; readonly steps: TestStep[] }
  | { readonly do: 'request-sync' }
  | ({ readonly do: 'dismiss-withheld' } & Dismissed)
  | { readonly do: 'pause'; readonly reason: string }
  | { readonly do: 'resume' }
  | { readonly do: 'disconnect'; readonly reason: string }
  | { readonly do: 'record-withdrawal'; readonly outcome: WithdrawalOutcome }
)

// ---------------------------------------------------------------- evolve

const evolve = (state: Account, event: AccountEvent): Account => {
  if (event.type === 'AccountConnected')
    return {
      ...event.data,
      ...rightsOfOwner(event.data.owner),
      status: 'active',
      signature: '',
      formerOwner: null,
      dismissed: [],
    }
  if (state.status === 'none') return state
  switch (event.type) {
    case 'AccountAccessGranted':
    case 'AccountAccessRevoked':
      return { ...state, ...rightsAfter(state, event) }
    case 'AccountOwnerChanged':
      return { ...state, ...rightsAfter(state, event), formerOwner: event.data.formerOwner }
    case 'AccountConnectionChanged': {
      const { connection, sends, receives, filesCopies, credentialVersion } = event.data
      return { ...state, connection, sends, receives, filesCopies: filesCopies ?? false, credentialVersion }
    }
    case 'AccountSettingsChanged':
      return { ...state, settings: event.data.settings }
    case 'AccountSignatureChanged':
      return { ...state, signature: event.data.html }
    case 'AccountPaused':
      return { ...state, status: 'paused' }
    case 'AccountResumed':
      return { ...state, status: 'active' }
    case 'AccountDisconnected':
      return { ...state, status: 'disconnected' }
    case 'WithheldMessageDismissed': {
      const { folder, ref } = event.data
      return { ...state, dismissed: [...state.dismissed, { folder, ref }] }
    }
    case 'AccountAccessWithdrawn':
    case 'AccountConnectionTested':
    case 'SyncRequested':
      return state
  }
}

// ---------------------------------------------------------------- decide

const decide = (command: AccountCommand, state: Account): AccountEvent[] => {
  if (command.do === 'connect') {
    if (state.status !== 'none') return []
    const { do: _, by: connectedBy, ...connected } = command
    requireMayConnect(connected.owner, connectedBy)
    return [AccountConnected(connected)]
  }
  requireOwn(state, command.by)
  if (command.do === 'disconnect' && state.status === 'disconnected') return []
  if (command.do === 'record-withdrawal') {
    const { accountId } = requireOwn(state, command.by)
    return [AccountAccessWithdrawn({ accountId, outcome: command.outcome })]
  }
  if (command.do === 'grant-access' || command.do === 'revoke-access' || command.do === 'change-owner')
    return decideRights(command, requireOwn(state, command.by))
  const account = requireConnected(state)
  const { accountId } = account
  switch (command.do) {
    case 'change-connection': {
      const { connection, sends, receives, filesCopies, credentialVersion } = command
      requireSameProvider(account, connection)
      const reached = { connection, sends, receives, filesCopies, credentialVersion }
      return [AccountConnectionChanged({ accountId, ...reached })]
    }
    case 'change-settings': {
      const linkRules = { ...account.settings.linkRules, ...command.settings.linkRules }
      const settings = { ...account.settings, ...command.settings, linkRules }
      return same(settings, account.settings) ? [] : [AccountSettingsChanged({ accountId, settings })]
    }
    case 'change-signature':
      return command.html === account.signature
        ? []
        : [AccountSignatureChanged({ accountId, html: command.html })]
    case 'add-exclude-pattern':
    case 'remove-exclude-pattern': {
      const excludePatterns = patternsAfter(account.settings.excludePatterns, command)
      const settings = { ...account.settings, excludePatterns }
      return same(settings, account.settings) ? [] : [AccountSettingsChanged({ accountId, settings })]
    }
    case 'record-test':
      return [AccountConnectionTested({ accountId, ok: command.ok, steps: command.steps })]
    case 'request-sync':
      requireActive(account)
      if (!account.receives || account.settings.syncDirection === 'send') throw accountReceivesNoMail()
      return [SyncRequested({ accountId })]
    case 'dismiss-withheld': {
      const { folder, ref } = command
      const isKnown = account.dismissed.some((each) => each.folder === folder && each.ref === ref)
      return isKnown ? [] : [WithheldMessageDismissed({ accountId, folder, ref })]
    }
    case 'pause':
      return account.status === 'paused' ? [] : [AccountPaused({ accountId, reason: command.reason })]
    case 'resume':
      return account.status === 'active' ? [] : [AccountResumed({ accountId })]
    case 'disconnect':
      return [AccountDisconnected({ accountId, reason: command.reason })]
  }
}

type RightsCommand = Extract<AccountCommand, { do: 'grant-access' | 'revoke-access' | 'change-owner' }>

/** Who may see the mail of an account that was disconnected can still change. */
const decideRights = (command: RightsCommand, account: ConnectedAccount): AccountEvent[] => {
  const { accountId, owner } = account
  if (command.do === 'change-owner') {
    requireMayOwn(command.owner)
    if (isSameOwner(command.owner, owner)) return []
    return [AccountOwnerChanged({ accountId, owner: command.owner, formerOwner: owner })]
  }
  const { grantee } = command
  const level = command.do === 'grant-access' ? command.level : null
  if (grantee.kind === 'user' && owner.kind === 'user' && owner.userId === grantee.userId)
    throw accessOfOwner()
  if (heldBy(account, grantee) === level) return []
  const event =
    level === null
      ? AccountAccessRevoked({ accountId, grantee })
      : AccountAccessGranted({ accountId, grantee, level })
  const after = rightsAfter(account, event)
  if (after.members.length > MAX_MEMBERS) throw tooManyMembers()
  if (!hasFullAccess(after)) throw lastFullAccess()
  return [event]
}

export const isSameOwner = (one: Owner, other: Owner): boolean =>
  one.kind === 'user' ? other.kind === 'user' && one.userId === other.userId : other.kind === 'team'

const heldBy = ({ everyone, members }: AccessRights, grantee: Grantee): AccessLevel | null =>
  grantee.kind === 'everyone'
    ? everyone
    : (members.find(({ userId }) => userId === grantee.userId)?.level ?? null)

const hasFullAccess = ({ owner, everyone, members }: AccessRights): boolean =>
  owner.kind === 'user' || everyone === 'full' || members.some(({ level }) => level === 'full')

const accessOfOwner = defineRefusal('access-of-owner', {
  title: 'The owner has full access',
  meaning: 'The owner of an account has full access to it, which can be neither changed nor revoked.',
  remedy: 'Make somebody else the owner first.',
})
const lastFullAccess = defineRefusal('last-full-access', {
  title: 'Nobody else has full access',
  meaning:
    'Afterwards nobody would have full access to the account, so nobody could change anything about it.',
  remedy: 'Give somebody else full access first.',
})
const tooManyMembers = defineRefusal('too-many-members', {
  title: 'Too many members',
  meaning: `An account has at most ${MAX_MEMBERS} members.`,
  remedy: 'Give access to everyone, or revoke the access of some members.',
})

const patternsAfter = (
  before: readonly ExcludePattern[],
  { do: change, pattern }: { readonly do: string; readonly pattern: ExcludePattern },
): ExcludePattern[] => {
  const isKnown = before.some((each) => isSamePattern(each, pattern))
  if (change === 'remove-exclude-pattern') {
    if (!isKnown) throw new NotFound('exclude pattern', pattern.pattern)
    return before.filter((each) => !isSamePattern(each, pattern))
  }
  if (isKnown) return [...before]
  if (before.length >= MAX_EXCLUDE_PATTERNS) throw tooManyExcludePatterns()
  return [...before, pattern]
}

const tooManyExcludePatterns = defineRefusal('too-many-exclude-patterns', {
  title: 'Too many exclude patterns',
  meaning: `An account has at most ${MAX_EXCLUDE_PATTERNS} exclude patterns.`,
  remedy: 'Remove some, or replace several by one with `*`.',
})

const keyAsOwner = defineRefusal('key-as-owner', {
  title: 'API key as the owner',
  meaning: 'An API key that is limited to accounts cannot own an account, nor get more of them.',
  remedy: 'Name a user or the team as the owner, and give the key access to the account.',
})

/** @throws Refused `key-as-owner` */
export const requireMayOwn = (owner: Owner): void => {
  if (owner.kind === 'user' && isUserOfKey(owner.userId)) throw keyAsOwner()
}

/** @throws Refused `not-your-account` if somebody connects a mailbox for another user, `key-as-owner` */
export const requireMayConnect = (as: Owner, userId: string | null): void => {
  requireMayOwn(as)
  if (levelOf(rightsOfOwner(as), userId) === null)
    throw notYourAccount({
      detail: 'An account cannot be connected for another user.',
      remedy: 'Connect it as your own account or as one of the team.',
    })
}

/**
 * The account, if this user (null: a program) has full access to it.
 * @throws NotFound; Refused `access-level-too-low`
 */
export const requireOwn = (account: Account, userId: string | null): ConnectedAccount => {
  if (account.status === 'none') throw new NotFound('email account')
  return requireLevel(account, userId, 'full')
}

/** The account, if it may send and sync; otherwise refuses and says why. */
export const requireActive = (account: Account): ConnectedAccount => {
  const connected = requireConnected(account)
  if (connected.status === 'paused') throw accountPaused()
  return connected
}

const requireConnected = (account: Account): ConnectedAccount => {
  if (account.status === 'none') throw new NotFound('email account')
  if (account.status === 'disconnected') throw accountDisconnected()
  return account
}

const providerDiffers = defineRefusal('provider-differs', {
  title: 'Another mail provider',
  meaning: 'An account cannot change to another mail provider.',
  remedy: 'Connect the mailbox as a new account.',
})

/** One provider's references and cursors mean nothing to another. @throws Refused `provider-differs` */
export const requireSameProvider = ({ connection }: ConnectedAccount, changed: Connection): void => {
  if (changed.provider !== connection.provider) throw providerDiffers()
}

// Both sides come from one schema, so their keys are in the same order.
const same = (a: AccountSettings, b: AccountSettings): boolean => JSON.stringify(a) === JSON.stringify(b)

export const account: Decider<Account, AccountCommand, AccountEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}

/** `account-<accountId>` */
export const accountStream = (accountId: string): string => `account-${accountId}`
