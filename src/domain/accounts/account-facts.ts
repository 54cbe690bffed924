import type { EventOf } from '../event.ts'
import type { MailTrouble } from '../mail-trouble.ts'
import { EmailDeferred, EmailFailed, EmailSent } from '../sending/events.ts'
import {
  MessageQuarantined,
  QuarantinedMessageReleased,
  QuarantinedMessageSkipped,
  SyncRunFinished,
  type ChangesSynced,
} from '../sync/events.ts'
import { withLeft, type FolderProgress } from '../sync/folder-progress.ts'
import { isNearlyFull, type MailboxStorage } from '../sync/mailbox-storage.ts'
import { missingFoldersOf } from '../sync/wanted-folders.ts'
import type { TestStep } from './connection.ts'
import {
  AccountAccessWithdrawn,
  AccountConnectionChanged,
  AccountConnectionTested,
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountSettingsChanged,
  type AccountConnected,
  type AccountSettings,
  type WithdrawalOutcome,
} from './events.ts'

export type Trouble = { readonly code: string; readonly detail: string; readonly remedy: string }

/** What an account's status is derived from, as recorded in events. */
export type AccountFacts = {
  readonly lifecycle: 'active' | 'paused' | 'disconnected'
  /** Why it was paused or disconnected, in the words of whoever did it. */
  readonly said: string
  /** What became of the access at the provider when it was disconnected; null if there was none but a password. */
  readonly withdrawal: WithdrawalOutcome | null
  /** What the connection can be used for, and which of it the account is meant to do. */
  readonly sends: boolean
  readonly receives: boolean
  readonly direction: AccountSettings['syncDirection']
  /** The mailbox has been read to its end once. */
  readonly wasRead: boolean
  /** How far it has been read, until it has been read to its end. */
  readonly progress: readonly FolderProgress[]
  /** What the last sync run failed on. */
  readonly run: (Trouble & { readonly kind: MailTrouble | null }) | null
  /** Folders that the last run could not read. */
  readonly folders: readonly (Trouble & { readonly folder: string })[]
  /** Folders that the account should sync and that, according to the last run, the mailbox does not have. */
  readonly missing: Trouble | null
  /** What the last connection test failed on, unless something since has shown that it works. */
  readonly test: Trouble | null
  /** What the last attempt to send failed on, how many failed in a row, and when the email is tried again. */
  readonly sending: {
    readonly code: string
    readonly reason: string
    readonly inARow: number
    readonly retryAt: string | null
  } | null
  /** Messages that could not be read, and that nobody has decided about. */
  readonly unreadable: number
  /** Messages that the mailbox lists but that are not here, without those that were dismissed. */
  readonly withheld: number
  /** How full the mailbox is, where it says so. */
  readonly storage: (MailboxStorage & { readonly isNearlyFull: boolean }) | null
}

export const isRead = ({ receives, direction }: AccountFacts): boolean => receives && direction !== 'send'
export const isSending = ({ sends, direction }: AccountFacts): boolean => sends && direction !== 'receive'

/** The facts of an account that was just connected, after a test that passed. */
export const freshFacts = ({
  sends,
  receives,
  settings,
}: Pick<EventOf<typeof AccountConnected>['data'], 'sends' | 'receives' | 'settings'>): AccountFacts => ({
  sends,
  receives,
  direction: settings.syncDirection,
  lifecycle: 'active',
  said: '',
  withdrawal: null,
  wasRead: false,
  progress: [],
  run: null,
  folders: [],
  missing: null,
  test: null,
  sending: null,
  unreadable: 0,
  withheld: 0,
  storage: null,
})

/** How far the first reading has come. */
export const factsAfterChanges = (
  facts: AccountFacts,
  { folders, left, backfill }: EventOf<typeof ChangesSynced>['data'],
): AccountFacts =>
  facts.wasRead || backfill !== undefined
    ? facts
    : { ...facts, progress: withLeft(facts.progress, folders, left) }

/** Events that change the facts by themselves; `withheld` is counted by whoever knows which were dismissed. */
export const factEvents = [
  AccountAccessWithdrawn,
  AccountConnectionChanged,
  AccountConnectionTested,
  AccountDisconnected,
  AccountPaused,
  AccountResumed,
  AccountSettingsChanged,
  EmailDeferred,
  EmailFailed,
  EmailSent,
  MessageQuarantined,
  QuarantinedMessageReleased,
  QuarantinedMessageSkipped,
  SyncRunFinished,
] as const
export type FactEvent = EventOf<(typeof factEvents)[number]>

const proven = { run: null, test: null, sending: null }

/**
 * Results of attempts that concern a single email, its recipients or Mailtrail, and so say nothing about whether the
 * account can send, however many come in a row.
 */
const OF_ONE_EMAIL: ReadonlySet<string> = new Set([
  'invalid-address',
  'no-recipient',
  'recipients-refused',
  'recipients-deferred',
  'smtputf8-not-offered',
  'email-too-large',
  'email-deferred',
  'gave-up',
  'overdue',
  'sender-removed',
  'sender-without-access',
  'content-missing',
  'content-damaged',
  'account-receives-only',
  'account-sends-no-mail',
  'account-disconnected',
  'not-sent',
  'release-not-recorded',
  'internal',
])

export const factsAfter = (facts: AccountFacts, event: FactEvent): AccountFacts => {
  switch (event.type) {
    case 'AccountConnectionChanged': {
      // The new connection was tested before the change.
      const { sends, receives } = event.data
      return { ...facts, sends, receives, storage: null, ...proven }
    }
    case 'AccountAccessWithdrawn':
      return { ...facts, withdrawal: event.data.outcome }
    case 'AccountConnectionTested':
      return event.data.ok ? { ...facts, ...proven } : { ...facts, test: failureIn(event.data.steps) }
    case 'AccountSettingsChanged':
      return { ...facts, direction: event.data.settings.syncDirection }
    case 'AccountPaused':
      return { ...facts, lifecycle: 'paused', said: event.data.reason }
    case 'AccountDisconnected':
      return { ...facts, lifecycle: 'disconnected', said: event.data.reason }
    case 'AccountResumed':
      return { ...facts, lifecycle: 'active', said: '' }
    case 'SyncRunFinished':
      return afterRun(facts, event.data)
    case 'EmailSent':
      return { ...facts, sending: null, test: isRead(facts) ? facts.test : null }
    case 'EmailDeferred':
      return afterAttempt(facts, event.data)
    case 'EmailFailed':
      return afterAttempt(facts, { ...event.data, retryAt: null })
    case 'MessageQuarantined':
      return event.data.attempts === 1 ? { ...facts, unreadable: facts.unreadable + 1 } : facts
    case 'QuarantinedMessageReleased':
    case 'QuarantinedMessageSkipped':
      return { ...facts, unreadable: Math.max(facts.unreadable - 1, 0) }
  }
}

const afterAttempt = (
  facts: AccountFacts,
  { code, reason, retryAt }: Omit<NonNullable<AccountFacts['sending']>, 'inARow'>,
): AccountFacts =>
  OF_ONE_EMAIL.has(code)
    ? facts
    : { ...facts, sending: { code, reason, retryAt, inARow: (facts.sending?.inARow ?? 0) + 1 } }

const afterRun = (facts: AccountFacts, run: EventOf<typeof SyncRunFinished>['data']): AccountFacts => {
  const { outcome, kind = null, troubles = [], missingFolders = [] } = run
  const said = { code: run.code ?? '', detail: run.detail ?? '', remedy: run.remedy ?? '' }
  const missing = missingFolders.length > 0 ? missingFoldersOf(missingFolders) : null
  switch (outcome) {
    case 'stopped':
    case 'abandoned':
      return facts
    case 'failed':
      return { ...facts, run: { kind, ...said }, missing: missing ?? facts.missing }
    case 'success':
    case 'partial': {
      const test = isSending(facts) ? facts.test : null
      const storage = run.storage === undefined ? null : storageAfter(facts.storage, run.storage)
      return { ...facts, run: null, test, wasRead: true, progress: [], folders: troubles, missing, storage }
    }
  }
}

const storageAfter = (before: AccountFacts['storage'], now: MailboxStorage): AccountFacts['storage'] => ({
  ...now,
  isNearlyFull: isNearlyFull(now, before?.isNearlyFull ?? false),
})

const failureIn = (steps: readonly TestStep[]): Trouble => {
  const { code, detail, remedy } = steps.find((step) => !step.ok && !step.skipped) ?? {}
  return {
    code: code ?? 'connection-test-failed',
    detail: detail ?? 'The connection test failed.',
    remedy: remedy ?? 'Test the connection again, and follow the remedy of the first step that fails.',
  }
}
