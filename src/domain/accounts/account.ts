import { NotFound, type Decider } from '../decider.ts'
import { defineRefusal } from '../refusal.ts'
import {
  AccountAccessWithdrawn,
  AccountConnected,
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountConnectionChanged,
  AccountSettingsChanged,
  AccountConnectionTested,
  AccountSignatureChanged,
  SyncRequested,
  WithheldMessageDismissed,
  MAX_EXCLUDE_PATTERNS,
  isSamePattern,
  mayUse,
  type AccountEvent,
  type AccountSettings,
  type SettingsChange,
  type ExcludePattern,
  type Owner,
  type WithdrawalOutcome,
} from './events.ts'
import type { Connection, TestStep } from './connection.ts'
import { accountDisconnected, accountPaused, accountReceivesNoMail, notYourAccount } from './refusals.ts'

// ---------------------------------------------------------------- state

/** An account that was connected, whatever became of it since. */
export type ConnectedAccount = {
  readonly status: 'active' | 'paused' | 'disconnected'
  readonly accountId: string
  readonly address: string
  readonly owner: Owner
  readonly connection: Connection
  /** What the connection can be used for. */
  readonly sends: boolean
  readonly receives: boolean
  /** The mailbox is known to put sent mail into its Sent folder by itself. */
  readonly filesCopies?: boolean | undefined
  readonly credentialVersion: number
  readonly settings: AccountSettings
  readonly signature: string
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
  | ({ readonly do: 'connect' } & Omit<ConnectedAccount, 'status' | 'signature' | 'dismissed'>)
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
    return { ...event.data, status: 'active', signature: '', dismissed: [] }
  if (state.status === 'none') return state
  switch (event.type) {
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

/** @throws Refused `not-your-account` if somebody connects a mailbox for another user */
export const requireMayConnect = (as: Owner, userId: string | null): void => {
  if (!mayUse(as, userId))
    throw notYourAccount({
      detail: 'An account cannot be connected for another user.',
      remedy: 'Connect it as your own account or as one of the team.',
    })
}

/** To a user, other users' accounts do not exist. @throws NotFound */
export const requireOwn = (account: Account, userId: string | null): ConnectedAccount => {
  if (account.status === 'none' || !mayUse(account.owner, userId)) throw new NotFound('email account')
  return account
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
