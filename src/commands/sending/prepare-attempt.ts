import type { WaitingMessage } from '../../domain/sending/outgoing-state.ts'
import type { BlobStore } from '../ports/blobs.ts'
import type { Vault } from '../ports/credentials.ts'
import type { SendOutcome, ServerLogin } from '../ports/mail-provider.ts'
import type { DirectoryLookup, FindAccount } from './ports.ts'

/** A scheduled message that is later than this is not sent without a person's word. */
export const SCHEDULE_GRACE_MS = 6 * 3_600_000

export type PrepareDeps = {
  readonly findAccount: FindAccount
  readonly directory: Pick<DirectoryLookup, 'user'>
  readonly vault: Vault
  readonly blobs: BlobStore
}

export type Prepared =
  | { readonly kind: 'ready'; readonly login: ServerLogin; readonly mime: Buffer }
  | { readonly kind: 'paused' }
  | Extract<SendOutcome, { kind: 'deferred' | 'failed' }>

/** Whether the message may still go now, and with what: rights and accounts change while it waits. */
export const prepareAttempt =
  (deps: PrepareDeps) =>
  async (waiting: WaitingMessage, now: Date): Promise<Prepared> => {
    const { message } = waiting
    if (isOverdue(waiting, now))
      return failed(
        'overdue',
        'The message was scheduled for a time at which nothing could be sent, hours ago',
        'Send it now if it is still right.',
      )
    const account = await deps.findAccount(message.accountId)
    if (!account || account.status === 'disconnected')
      return failed(
        'account-disconnected',
        'The account was disconnected before the message went out',
        'Write the message again from another account.',
      )
    if (account.status === 'paused') return { kind: 'paused' }
    if (!account.smtp)
      return failed(
        'account-sends-no-mail',
        'The account has no SMTP server any more',
        'Add the SMTP settings of the account, and try the message again.',
      )
    if (message.userId !== null && !(await deps.directory.user(message.userId)))
      return failed(
        'sender-removed',
        'The user that the message was to be sent for was removed',
        'Write the message again as another user.',
      )
    const credentials = await deps.vault.load(account.accountId, account.credentialVersion)
    if (!credentials?.smtpPassword)
      return {
        kind: 'deferred',
        code: 'credentials-missing',
        reason: 'No password is kept for the SMTP server of the account',
      }
    const mime = await deps.blobs.get(message.mime.blob)
    if (!mime)
      return failed(
        'content-missing',
        'The content of the message is not in the store',
        'Write the message again.',
      )
    return { kind: 'ready', login: { ...account.smtp, password: credentials.smtpPassword }, mime }
  }

const isOverdue = ({ message, attempts, dueAt }: WaitingMessage, now: Date): boolean =>
  message.scheduledAt !== null && attempts === 0 && now.getTime() > Date.parse(dueAt) + SCHEDULE_GRACE_MS

const failed = (code: string, reason: string, remedy: string): Prepared => ({
  kind: 'failed',
  code,
  reason,
  remedy,
  refused: [],
})
