import {
  accountDisconnected,
  accountReceivesOnly,
  accountSendsNoMail,
} from '../../domain/accounts/refusals.ts'
import { defineCode, type CodeDefinition, type Occasion } from '../../domain/refusal.ts'
import type { WaitingMessage } from '../../domain/sending/outgoing-state.ts'
import type { BlobStore } from '../ports/blobs.ts'
import { credentialsMissing, type Vault } from '../ports/credentials.ts'
import type { Access, SendOutcome } from '../ports/mail-provider.ts'
import type { DirectoryLookup, FindAccount } from './ports.ts'

/**
 * What could not go for longer than this after it was due is not sent unasked, whatever kept it: a paused account, a
 * service that was down. A time that somebody chose is over sooner than a wish to send at once.
 */
const GRACE_MS = { scheduled: 6 * 3_600_000, unscheduled: 24 * 3_600_000 }

export type PrepareDeps = {
  readonly findAccount: FindAccount
  readonly directory: Pick<DirectoryLookup, 'user'>
  readonly vault: Pick<Vault, 'load'>
  readonly blobs: BlobStore
}

export type Prepared =
  | { readonly kind: 'ready'; readonly access: Access; readonly mime: Buffer }
  | { readonly kind: 'paused' }
  | Extract<SendOutcome, { kind: 'deferred' | 'failed' }>

const overdue = defineCode('overdue', {
  title: 'Overdue',
  meaning:
    'For hours after the email was due nothing could be sent: the account was paused, or the service was not running. It was not sent automatically so late.',
  remedy: 'If it is still right, send its draft again: it then carries the date of that day.',
})
const senderRemoved = defineCode('sender-removed', {
  title: 'Sender removed',
  meaning: 'The user for whom the email was to be sent has been removed. It was not sent.',
  remedy: 'Write the email again as another user.',
})
const contentMissing = defineCode('content-missing', {
  title: 'Content missing',
  meaning: 'The content of the email is not in the store. It was not sent.',
  remedy: 'Write the email again, and tell the operator.',
})

/**
 * Whether the message may still go now, and with what: rights and accounts change while it waits. `read`: its bytes, if
 * they were read before.
 */
export const prepareAttempt =
  (deps: PrepareDeps) =>
  async (waiting: WaitingMessage, now: Date, read: Buffer | null): Promise<Prepared> => {
    const { message } = waiting
    if (isOverdue(waiting, now)) return failed(overdue)
    const account = await deps.findAccount(message.accountId)
    if (!account || account.status === 'disconnected')
      return failed(accountDisconnected, {
        detail: 'The account was disconnected before the email was sent.',
        remedy: 'Write the email again from another account.',
      })
    if (account.status === 'paused') return { kind: 'paused' }
    if (!account.sends)
      return failed(accountSendsNoMail, {
        detail: 'The account is no longer set up for sending.',
        remedy: 'Change the connection of the account to one that sends, and try the email again.',
      })
    if (account.settings.syncDirection === 'receive')
      return failed(accountReceivesOnly, {
        detail: 'The account was set to receive only before the email was sent.',
        remedy: 'Set the sync direction of the account to `both` or `send`, and try the email again.',
      })
    if (message.userId !== null && !(await deps.directory.user(message.userId))) return failed(senderRemoved)
    const credentials = await deps.vault.load(account.accountId, account.credentialVersion)
    if (!credentials)
      return { kind: 'deferred', code: credentialsMissing.code, reason: credentialsMissing.meaning }
    const mime = read ?? (await deps.blobs.get(message.mime.blob))
    if (!mime) return failed(contentMissing)
    return { kind: 'ready', access: { connection: account.connection, credentials }, mime }
  }

const isOverdue = ({ message, attempts, dueAt }: WaitingMessage, now: Date): boolean => {
  const chosen = message.scheduledAt !== null && attempts === 0
  return now.getTime() > Date.parse(dueAt) + (chosen ? GRACE_MS.scheduled : GRACE_MS.unscheduled)
}

const failed = (
  { code, meaning, remedy }: CodeDefinition,
  occasion: Pick<Occasion, 'detail' | 'remedy'> = {},
): Prepared => ({
  kind: 'failed',
  code,
  reason: occasion.detail ?? meaning,
  remedy: occasion.remedy ?? remedy,
  refused: [],
})
