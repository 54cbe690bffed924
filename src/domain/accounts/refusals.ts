import { defineRefusal } from '../refusal.ts'

// Refusals about accounts that other features use too.

export const notYourAccount = defineRefusal('not-your-account', {
  title: 'Not your account',
  meaning: 'The account belongs to another user.',
  remedy: 'Use an account of your own or of the team.',
})
export const accountDisconnected = defineRefusal('account-disconnected', {
  title: 'Account disconnected',
  meaning: 'The account was disconnected and its passwords were destroyed. That cannot be undone.',
  remedy: 'Connect the mailbox again as a new account.',
})
export const accountPaused = defineRefusal('account-paused', {
  title: 'Account paused',
  meaning: 'The account is paused, so it neither syncs nor sends.',
  remedy: 'Resume the account first.',
})
export const accountSendsNoMail = defineRefusal('account-sends-no-mail', {
  title: 'Account cannot send',
  meaning: 'The account is not set up for sending.',
  remedy: 'Add settings for sending to the account.',
})
export const accountReceivesNoMail = defineRefusal('account-receives-no-mail', {
  title: 'Account cannot receive',
  meaning: 'The account is set up for sending only, so there is nothing to sync.',
  remedy: 'Add settings for receiving to the account, or change its sync direction.',
})
export const accountReceivesOnly = defineRefusal('account-receives-only', {
  title: 'Account set to receive only',
  meaning: 'The sync direction of the account is `receive`, so nothing is sent from it.',
  remedy: 'Send from another account, or set the sync direction of the account to `both` or `send`.',
})
