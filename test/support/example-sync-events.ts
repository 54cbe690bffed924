import { AccountConnected, defaultSettings, type AccountSettings } from '../../src/domain/accounts/events.ts'
import {
  ChangesSynced,
  MessageSynced,
  SyncRunFinished,
  SyncRunStarted,
  type FolderCounts,
  type Placement,
  type SyncCursor,
  type WithheldMessage,
} from '../../src/domain/sync/events.ts'
import type { EventOf } from '../../src/domain/event.ts'
import { idOf } from './example-emails.ts'

/** Examples for tests of sync. */

export const accountId = idOf('acc', 1)
export const messageIdOf = (n: number): string => idOf('msg', n)
const hash = 'a'.repeat(64)

export const connected = (settings: Partial<AccountSettings> = {}) =>
  AccountConnected({
    accountId,
    address: 'me@acme.test',
    owner: { kind: 'team' },
    connection: { provider: 'example', address: 'me@acme.test' },
    sends: false,
    receives: true,
    credentialVersion: 1,
    settings: { ...defaultSettings, ...settings },
  })

export const placeOf = (ref: number | string, folder = 'INBOX'): Placement => ({
  folder,
  role: folder === 'INBOX' ? 'inbox' : folder === 'Sent' ? 'sent' : null,
  ref: String(ref),
})

type Synced = EventOf<typeof MessageSynced>['data']

type Changes = Partial<Omit<Synced, 'header'>> & { header?: Partial<Synced['header']> }

/** The nth message: received in the inbox, its Message-ID `<n>@x.test`, an hour after the one before. */
export const synced = (n: number, changes: Changes = {}) =>
  MessageSynced({
    messageId: messageIdOf(n),
    accountId,
    identity: `identity ${n}`,
    outgoingId: null,
    placement: placeOf(n),
    flags: [],
    direction: 'in',
    receivedAt: new Date(Date.UTC(2026, 0, 5, n)).toISOString(),
    sentAt: null,
    size: 100,
    raw: hash,
    snippet: `snippet ${n}`,
    hasHtml: false,
    attachments: [],
    automatic: null,
    defects: [],
    ...changes,
    header: {
      messageId: `${n}@x.test`,
      inReplyTo: [],
      references: [],
      subject: `subject ${n}`,
      from: [{ address: `sender${n}@x.test` }],
      to: [{ address: 'me@acme.test' }],
      cc: [],
      replyTo: [],
      ...changes.header,
    },
  })

export const cursorOf = (at: number | string, scope = 'all'): SyncCursor => ({ scope, at: String(at) })

export const withheldAt = (placement: Placement, attempts = 1): WithheldMessage => ({
  placement,
  attempts,
  askedAt: '2026-01-05T00:00:00.000Z',
  why: 'withheld',
})

export const countsOf = (changes: Partial<FolderCounts> = {}): FolderCounts => ({
  folder: 'INBOX',
  listed: 0,
  stored: 0,
  known: 0,
  excluded: 0,
  failed: 0,
  flagsChanged: 0,
  removed: 0,
  sent: 0,
  received: 0,
  drafts: 0,
  ...changes,
})

export const runStarted = (number: number) =>
  SyncRunStarted({ accountId, number, trigger: 'schedule', cursors: [], withheld: [], uncounted: [] })

/** A set of changes that is about one folder. */
export const changesSynced = (
  number: number,
  counts: Partial<FolderCounts>,
  rest: Partial<Omit<EventOf<typeof ChangesSynced>['data'], 'folders'>> = {},
) =>
  ChangesSynced({
    accountId,
    number,
    cursor: cursorOf(1),
    folders: [countsOf(counts)],
    failures: [],
    exclusions: [],
    withheld: [],
    ...rest,
  })

export const runFinished = (
  number: number,
  outcome: 'success' | 'partial' | 'failed' | 'stopped' | 'abandoned' = 'success',
  rest: Partial<EventOf<typeof SyncRunFinished>['data']> = {},
) =>
  SyncRunFinished({
    accountId,
    number,
    outcome,
    code: null,
    detail: null,
    remedy: null,
    ...(outcome === 'success' && { inboxRead: true }),
    ...rest,
  })
