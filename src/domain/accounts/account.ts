import { NotFound, Refused, type Decider } from '../decider.ts'
import {
  AccountConnected,
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountConnectionChanged,
  AccountSettingsChanged,
  AccountConnectionTested,
  AccountSignatureChanged,
  SyncRequested,
  mayUse,
  type AccountEvent,
  type AccountSettings,
  type Owner,
} from './events.ts'
import type { Connection, TestStep } from './connection.ts'

// ---------------------------------------------------------------- state

/** An account that was connected, whatever became of it. */
export type ConnectedAccount = {
  readonly status: 'active' | 'paused' | 'disconnected'
  readonly accountId: string
  readonly address: string
  readonly owner: Owner
  readonly connection: Connection
  /** What the connection can be used for. */
  readonly sends: boolean
  readonly receives: boolean
  readonly credentialVersion: number
  readonly settings: AccountSettings
  readonly signature: string
}
export type Account = { readonly status: 'none' } | ConnectedAccount

// ---------------------------------------------------------------- commands

type Reached = Pick<ConnectedAccount, 'connection' | 'sends' | 'receives' | 'credentialVersion'>

/** `by` is the user of the CRM who asks; null where a program asks for nobody. */
export type AccountCommand = { readonly by: string | null } & (
  | ({ readonly do: 'connect' } & Omit<ConnectedAccount, 'status' | 'signature'>)
  | ({ readonly do: 'change-connection' } & Reached)
  | { readonly do: 'change-settings'; readonly settings: Partial<AccountSettings> }
  | { readonly do: 'change-signature'; readonly html: string }
  | { readonly do: 'record-test'; readonly ok: boolean; readonly steps: TestStep[] }
  | { readonly do: 'request-sync' }
  | { readonly do: 'pause'; readonly reason: string }
  | { readonly do: 'resume' }
  | { readonly do: 'disconnect'; readonly reason: string }
)

// ---------------------------------------------------------------- evolve

const evolve = (state: Account, event: AccountEvent): Account => {
  if (event.type === 'AccountConnected') return { ...event.data, status: 'active', signature: '' }
  if (state.status === 'none') return state
  switch (event.type) {
    case 'AccountConnectionChanged': {
      const { connection, sends, receives, credentialVersion } = event.data
      return { ...state, connection, sends, receives, credentialVersion }
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
  const account = requireConnected(state)
  const { accountId } = account
  switch (command.do) {
    case 'change-connection': {
      const { connection, sends, receives, credentialVersion } = command
      requireSameProvider(account, connection)
      return [AccountConnectionChanged({ accountId, connection, sends, receives, credentialVersion })]
    }
    case 'change-settings': {
      const settings = { ...account.settings, ...command.settings }
      return same(settings, account.settings) ? [] : [AccountSettingsChanged({ accountId, settings })]
    }
    case 'change-signature':
      return command.html === account.signature
        ? []
        : [AccountSignatureChanged({ accountId, html: command.html })]
    case 'record-test':
      return [AccountConnectionTested({ accountId, ok: command.ok, steps: command.steps })]
    case 'request-sync':
      requireActive(account)
      if (!account.receives || account.settings.syncDirection === 'send')
        throw new Refused(
          'account-receives-no-mail',
          'The account is set up for sending alone',
          'Change the connection to one that receives mail, or change the sync direction.',
        )
      return [SyncRequested({ accountId })]
    case 'pause':
      return account.status === 'paused' ? [] : [AccountPaused({ accountId, reason: command.reason })]
    case 'resume':
      return account.status === 'active' ? [] : [AccountResumed({ accountId })]
    case 'disconnect':
      return [AccountDisconnected({ accountId, reason: command.reason })]
  }
}

/** @throws Refused `not-your-account` where somebody connects a mailbox as another user's */
export const requireMayConnect = (as: Owner, userId: string | null): void => {
  if (!mayUse(as, userId))
    throw new Refused(
      'not-your-account',
      'An account of another user can only be connected by that user',
      'Connect it as an account of your own or of the team.',
    )
}

/** What is another user's own does not exist for this one. @throws NotFound */
export const requireOwn = (account: Account, userId: string | null): ConnectedAccount => {
  if (account.status === 'none' || !mayUse(account.owner, userId)) throw new NotFound('email account')
  return account
}

/** The account, if it may send and sync; otherwise the refusal that says why not. */
export const requireActive = (account: Account): ConnectedAccount => {
  const connected = requireConnected(account)
  if (connected.status === 'paused')
    throw new Refused('account-paused', 'The account is paused', 'Resume the account first.')
  return connected
}

const requireConnected = (account: Account): ConnectedAccount => {
  if (account.status === 'none') throw new NotFound('email account')
  if (account.status === 'disconnected')
    throw new Refused(
      'account-disconnected',
      'The account was disconnected, and its credentials destroyed',
      'Connect the mailbox again as a new account.',
    )
  return account
}

/** References and cursors of one provider say nothing to another. @throws Refused */
export const requireSameProvider = ({ connection }: ConnectedAccount, changed: Connection): void => {
  if (changed.provider !== connection.provider)
    throw new Refused(
      'provider-differs',
      'An account stays with the provider that it was connected with',
      'Connect the mailbox as a new account.',
    )
}

// Both sides come from one schema, so that their keys stand in one order.
const same = (a: AccountSettings, b: AccountSettings): boolean => JSON.stringify(a) === JSON.stringify(b)

export const account: Decider<Account, AccountCommand, AccountEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}

/** `account-<accountId>` */
export const accountStream = (accountId: string): string => `account-${accountId}`
