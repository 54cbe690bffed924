import type { Sentences } from '../event.ts'
import { because } from '../words.ts'
import type { SignInEvent } from './sign-in-events.ts'
import type {
  AccessLevel,
  AccountEvent,
  DefaultAccountEvent,
  Grantee,
  MailboxClaimEvent,
  Owner,
} from './events.ts'

const whose = (owner: Owner): string => (owner.kind === 'team' ? 'the team' : `user ${owner.userId}`)

const whom = (grantee: Grantee): string => (grantee.kind === 'user' ? `User ${grantee.userId}` : 'Everyone')

const access: Readonly<Record<AccessLevel, string>> = {
  full: 'full access',
  send: 'access to send only',
  read: 'access to read only',
}

export const accountSentences: Sentences<
  AccountEvent | DefaultAccountEvent | MailboxClaimEvent | SignInEvent
> = {
  AccountConnected: ({ address, owner }) => `The account ${address} was connected for ${whose(owner)}`,
  AccountAccessGranted: ({ grantee, level }) => `${whom(grantee)} was given ${access[level]} to the account`,
  AccountAccessRevoked: ({ grantee }) => `${whom(grantee)} lost access to the account`,
  AccountOwnerChanged: ({ owner, formerOwner }) =>
    `The account was handed over from ${whose(formerOwner)} to ${whose(owner)}`,
  AccountConnectionChanged: () => 'The connection of the account was changed',
  AccountSettingsChanged: () => 'The settings of the account were changed',
  AccountSignatureChanged: ({ html }) =>
    html === '' ? 'The signature of the account was removed' : 'The signature of the account was changed',
  AccountConnectionTested: ({ ok, steps }) => {
    const failed = steps.find((step) => !step.ok && step.skipped !== true)
    if (ok) return 'The connection of the account was tested and works'
    return failed
      ? `The connection of the account was tested and failed (${failed.service}, ${failed.step})`
      : 'The connection of the account was tested and failed'
  },
  SyncRequested: () => 'Somebody asked for the account to be synced now',
  AccountPaused: ({ reason }) => `The account was paused${because(reason)}`,
  AccountResumed: () => 'The account was resumed',
  AccountDisconnected: ({ reason }) => `The account was disconnected${because(reason)}`,
  AccountAccessWithdrawn: ({ outcome }) =>
    ({
      withdrawn: 'The access to the mailbox was withdrawn at the provider',
      failed: 'The access to the mailbox could not be withdrawn at the provider',
      'not-offered': 'The provider lets only its own user withdraw the access to the mailbox',
    })[outcome],
  SignInBegun: ({ accountId, userId, provider }) =>
    `User ${userId} began to sign in with ${provider}${accountId === null ? '' : ', again for an account'}`,
  SignInStarted: () => 'A browser was sent to the provider to sign in',
  SignInReturned: () => 'The browser came back from the provider',
  SignInGranted: ({ missing }) =>
    missing.length === 0
      ? 'The provider granted all access that was asked for'
      : `The provider granted access, but not: ${missing.join(', ')}`,
  SignInFailed: ({ code }) => `Signing in failed (${code})`,
  SignInCompleted: () => 'The sign-in was completed, and an account uses its access',
  WithheldMessageDismissed: ({ folder }) => `A withheld message in ${folder} was dismissed`,
  DefaultAccountChosen: ({ owner }) => `The account became the default of ${whose(owner)}`,
  DefaultAccountUnset: ({ owner }) => `The account is no longer the default of ${whose(owner)}`,
  MailboxClaimed: () =>
    'The mailbox, or its address, was claimed for an account that is about to be connected',
}
