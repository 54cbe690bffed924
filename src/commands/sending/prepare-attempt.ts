import { may } from '../../domain/accounts/access-rights.ts'
import {
  accountDisconnected,
  accountReceivesOnly,
  accountSendsNoMail,
} from '../../domain/accounts/refusals.ts'
import { isUserOfKey } from '../../domain/ids.ts'
import { defineCode, type CodeDefinition, type Occasion } from '../../domain/refusal.ts'
import { overdue } from '../../domain/sending/refusals.ts'
import type { WaitingEmail } from '../../domain/sending/outgoing-state.ts'
import { accessOf } from '../access-of.ts'
import { ContentUnreliable, storedBlob, type BlobStore } from '../ports/blobs.ts'
import { credentialsMissing, type Vault } from '../ports/credentials.ts'
import type { Access, SendOutcome } from '../ports/mail-provider.ts'
import type { DirectoryLookup, FindAccount } from './ports.ts'

/**
 * An email that could not be sent for this long after it was due is not sent automatically any more, whether the
 * account was paused or the service down. A time somebody chose expires sooner than a wish to send right away.
 */
const GRACE_MS = { scheduled: 6 * 3_600_000, unscheduled: 24 * 3_600_000 }

export type PrepareDeps = {
  readonly findAccount: FindAccount
  readonly directory: Pick<DirectoryLookup, 'user'>
  readonly vault: Pick<Vault, 'load' | 'renew'>
  readonly blobs: BlobStore
}

export type Prepared =
  | { readonly kind: 'ready'; readonly access: Access; readonly mime: Buffer }
  | { readonly kind: 'paused' }
  | Extract<SendOutcome, { kind: 'deferred' | 'failed' }>

const senderWithoutAccess = defineCode('sender-without-access', {
  title: 'Sender without access',
  meaning: 'The user for whom the email was to be sent may no longer send from the account. It was not sent.',
  remedy: 'Ask somebody with full access to the account to send it, or write it again from another account.',
})
const senderRemoved = defineCode('sender-removed', {
  title: 'Sender removed',
  meaning: 'The user for whom the email was to be sent has been removed. It was not sent.',
  remedy: 'Write the email again as another user.',
})

/**
 * Whether the email may still be sent, and with what: permissions and accounts change while it waits. `read`: its bytes,
 * if they were read before.
 */
export const prepareAttempt =
  (deps: PrepareDeps) =>
  async (waiting: WaitingEmail, now: Date, read: Buffer | null): Promise<Prepared> => {
    const { email } = waiting
    if (isOverdue(waiting, now)) return failed(overdue)
    const account = await deps.findAccount(email.accountId)
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
    if (!(await isThere(deps, email.userId))) return failed(senderRemoved)
    if (!may(account, email.userId, 'send')) return failed(senderWithoutAccess)
    const access = await accessOf(deps.vault, account)
    if (!access)
      return { kind: 'deferred', code: credentialsMissing.code, reason: credentialsMissing.meaning }
    try {
      return { kind: 'ready', access, mime: read ?? (await storedBlob(deps.blobs, email.mime.blob)) }
    } catch (error) {
      if (!(error instanceof ContentUnreliable)) throw error
      return failed(error.definition, {
        detail: `${error.definition.meaning} The email was not sent.`,
        remedy: 'Write the email again, and tell the operator.',
      })
    }
  }

/** A limited API key is a user that the directory does not know: it is there as long as it may do something. */
const isThere = async ({ directory }: PrepareDeps, userId: string | null): Promise<boolean> =>
  userId === null || isUserOfKey(userId) || (await directory.user(userId)) !== null

const isOverdue = ({ email, attempts, dueAt }: WaitingEmail, now: Date): boolean => {
  const chosen = email.scheduledAt !== null && attempts === 0
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
