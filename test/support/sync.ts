import { AccountConnected, defaultSettings, type AccountSettings } from '../../src/domain/accounts/events.ts'
import {
  FolderSynced,
  MessageSynced,
  SyncRunFinished,
  SyncRunStarted,
  type FolderCounts,
  type FolderCursor,
  type Placement,
} from '../../src/domain/sync/events.ts'
import type { EventOf } from '../../src/domain/event.ts'
import { idOf } from './sending.ts'

/** Examples for tests of sync. */

export const accountId = idOf('acc', 1)
export const messageIdOf = (n: number): string => idOf('msg', n)
const hash = 'a'.repeat(64)

export const connected = (settings: Partial<AccountSettings> = {}) =>
  AccountConnected({
    accountId,
    provider: 'imap',
    address: 'me@acme.test',
    owner: { kind: 'team' },
    smtp: null,
    imap: { host: 'imap.acme.test', port: 993, encryption: 'tls', username: 'me' },
    credentialVersion: 1,
    settings: { ...defaultSettings, ...settings },
  })

export const placeOf = (uid: number, folder = 'INBOX', uidValidity = '1'): Placement => ({
  folder,
  role: folder === 'INBOX' ? 'inbox' : folder === 'Sent' ? 'sent' : null,
  uidValidity,
  uid,
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

export const cursorOf = (changes: Partial<FolderCursor> = {}): FolderCursor => ({
  folder: 'INBOX',
  role: 'inbox',
  uidValidity: '1',
  uidNext: 1,
  since: null,
  backfilledTo: null,
  backfillDone: true,
  retry: [],
  messages: null,
  scannedAt: null,
  ...changes,
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
  ...changes,
})

export const runStarted = (number: number) =>
  SyncRunStarted({ accountId, number, trigger: 'schedule', cursors: [] })

export const folderSynced = (
  number: number,
  counts: Partial<FolderCounts>,
  rest: Partial<Omit<EventOf<typeof FolderSynced>['data'], 'counts'>> = {},
) =>
  FolderSynced({
    accountId,
    number,
    cursor: cursorOf(),
    counts: countsOf(counts),
    failures: [],
    exclusions: [],
    ...rest,
  })

export const runFinished = (
  number: number,
  outcome: 'success' | 'partial' | 'failed' | 'abandoned' = 'success',
  rest: Partial<EventOf<typeof SyncRunFinished>['data']> = {},
) => SyncRunFinished({ accountId, number, outcome, code: null, detail: null, remedy: null, ...rest })
