import type { Kysely } from 'kysely'
import { AccountConnected, AccountSettingsChanged } from '../../domain/accounts/events.ts'
import {
  ChangesSynced,
  SyncRunFinished,
  SyncRunStarted,
  type FolderCounts,
  type FolderTrouble,
  type Exclusion,
  type RunExclusion,
} from '../../domain/sync/events.ts'
import {
  integer,
  isWithin,
  json,
  nullable,
  paged,
  projection,
  table,
  tablesOf,
  text,
  timestamp,
  type Page,
  type Span,
  type RowOf,
} from '../projection.ts'

/** What became of a folder in a run; `rules` says what excluded how many messages. */
export type FolderLine = FolderCounts & { rules: (Exclusion & { count: number })[] }

const run = table({
  columns: {
    account_id: text,
    number: integer,
    trigger: text,
    direction: text,
    started_at: timestamp,
    finished_at: nullable(timestamp),
    outcome: nullable(text),
    code: nullable(text),
    detail: nullable(text),
    remedy: nullable(text),
    stored: integer,
    failed: integer,
    folders: json<FolderLine[]>(),
    /** Folders that could not be read. */
    troubles: json<FolderTrouble[]>(),
    /** Roles and paths that the settings name, and that the mailbox has no folder for. */
    missing: json<string[]>(),
  },
  key: ['account_id', 'number'],
  indexes: ['(account_id, started_at, number)', '(account_id, outcome, started_at, number)'],
})
type RunRow = RowOf<typeof run>

const failure = table({
  columns: {
    account_id: text,
    number: integer,
    folder: text,
    ref: text,
    reason: text,
    attempts: integer,
    message_id: nullable(text),
  },
  key: ['account_id', 'number', 'folder', 'ref'],
})

/** Every sync run, folder by folder: what was listed, and what became of each message. */
export const syncHistory = projection({
  name: 'sync-history',
  version: 6,
  tables: {
    run,
    failure,
    direction: table({ columns: { account_id: text, direction: text }, key: ['account_id'] }),
  },
  events: [AccountConnected, AccountSettingsChanged, SyncRunStarted, ChangesSynced, SyncRunFinished],
  fold: (event, rows) => {
    const { accountId } = event.data
    if (event.type === 'AccountConnected' || event.type === 'AccountSettingsChanged')
      return rows.put('direction', {
        account_id: accountId,
        direction: event.data.settings.syncDirection,
      })
    const key = { account_id: accountId, number: event.data.number }
    if (event.type === 'SyncRunStarted')
      return rows.put('run', {
        ...key,
        trigger: event.data.trigger,
        direction: rows.get('direction', { account_id: accountId })?.direction ?? 'both',
        started_at: event.metadata.occurredAt,
        finished_at: null,
        outcome: null,
        code: null,
        detail: null,
        remedy: null,
        stored: 0,
        failed: 0,
        folders: [],
        troubles: [],
        missing: [],
      })
    const row = rows.get('run', key)
    if (!row) throw new Error(`${event.type} of a run that was not started`)
    if (event.type === 'SyncRunFinished') {
      const { outcome, code, detail, remedy, unchanged = [], troubles = [], missingFolders = [] } = event.data
      const folders = unchanged.reduce((lines, folder) => withCounts(lines, none(folder), []), row.folders)
      const finished_at = event.metadata.occurredAt
      const missing = missingFolders
      return rows.put('run', {
        ...row,
        outcome,
        code,
        detail,
        remedy,
        finished_at,
        folders,
        troubles,
        missing,
      })
    }
    const { folders, failures, exclusions, backfill } = event.data
    for (const { folder, ref, reason, attempts, messageId = null } of failures)
      rows.put('failure', { ...key, folder, ref, reason, attempts, message_id: messageId })
    for (const counts of folders) {
      // A draft was neither sent nor received, and what a backfill fetches is not new.
      if (backfill === undefined) row.stored += counts.stored - counts.drafts
      row.failed += counts.failed
      row.folders = withCounts(
        row.folders,
        counts,
        exclusions.filter(({ folder }) => folder === counts.folder),
      )
    }
    rows.put('run', row)
  },
})

const none = (folder: string): FolderCounts => ({
  folder,
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
})

const isSame = (a: Exclusion, b: Exclusion): boolean =>
  a.reason === b.reason && a.pattern?.pattern === b.pattern?.pattern && a.pattern?.match === b.pattern?.match

const withCounts = (
  lines: readonly FolderLine[],
  counts: FolderCounts,
  exclusions: readonly RunExclusion[],
): FolderLine[] => {
  const { folder } = counts
  const line = lines.find((each) => each.folder === folder) ?? { ...none(folder), rules: [] }
  const added = Object.fromEntries(
    Object.entries(counts).map(([name, value]) => {
      const before = line[name as keyof FolderCounts]
      return [name, typeof value === 'number' && typeof before === 'number' ? before + value : value]
    }),
  ) as FolderCounts
  const rules = line.rules.map((rule) => ({ ...rule }))
  for (const { reason, pattern } of exclusions) {
    const rule = rules.find((each) => isSame(each, { reason, pattern }))
    if (rule) rule.count++
    else rules.push({ reason, pattern, count: 1 })
  }
  const next = { ...added, rules }
  return lines.some((each) => each.folder === folder)
    ? lines.map((each) => (each.folder === folder ? next : each))
    : [...lines, next]
}

/** How a run ended, or that it has not. */
type RunStatus = 'running' | 'success' | 'partial' | 'failed' | 'stopped' | 'interrupted'

/** The status as people read it. */
export const statusOf = ({
  outcome,
  failed,
  troubles,
  missing,
}: Pick<RunRow, 'outcome' | 'failed' | 'troubles' | 'missing'>): string => {
  switch (outcome) {
    case null:
      return 'Running'
    case 'success':
      return 'Success'
    case 'partial':
      return `Partial (${missedIn(failed, troubles.length, missing)})`
    case 'stopped':
      return 'Stopped'
    case 'abandoned':
      return 'Interrupted'
    default:
      return 'Failed'
  }
}

const missedIn = (messages: number, folders: number, missing: readonly string[]): string =>
  [
    ...(messages > 0 ? [`${messages} failed`] : []),
    ...(folders > 0 ? [`${folders} ${folders === 1 ? 'folder' : 'folders'} not read`] : []),
    ...(missing.length > 0 ? [`no such folder: ${missing.join(', ')}`] : []),
  ].join('; ')

/** A sync run; each account counts its own. */
export type SyncRunItem = {
  readonly number: number
  readonly time: string
  readonly finishedAt: string | null
  readonly trigger: string
  readonly direction: 'Both' | 'Receive' | 'Send'
  /** Messages that were new. */
  readonly count: number
  readonly failed: number
  /** In the words of `statusOf`. */
  readonly status: string
  readonly detail: string | null
  readonly remedy: string | null
  readonly folders: FolderLine[]
  /** Folders that could not be read. */
  readonly troubles: FolderTrouble[]
  /** Roles and paths that the settings name, and that the mailbox has no folder for. */
  readonly missingFolders: string[]
}

/** `failures`: the messages that failed in it. */
export type SyncRunDetail = SyncRunItem & {
  readonly failures: {
    readonly folder: string
    readonly ref: string
    readonly reason: string
    readonly attempts: number
    readonly messageId: string | null
  }[]
}

const directions = { both: 'Both', receive: 'Receive', send: 'Send' } as const

const toItem = (row: RunRow): SyncRunItem => ({
  number: row.number,
  time: row.started_at,
  finishedAt: row.finished_at,
  trigger: row.trigger,
  direction: directions[row.direction as keyof typeof directions],
  count: row.stored,
  failed: row.failed,
  status: statusOf(row),
  detail: row.detail,
  remedy: row.remedy,
  folders: row.folders,
  troubles: row.troubles,
  missingFolders: row.missing,
})

/** What a list of runs is narrowed down to; what is undefined narrows nothing. */
type RunFilter = {
  readonly accountId: string
  readonly status?: RunStatus | undefined
} & Span

/** Runs of an account in the order in which they started. */
export const listRuns =
  (db: Kysely<unknown>) =>
  async (filter: RunFilter, page: Page): Promise<SyncRunItem[]> => {
    const { accountId, status } = filter
    const found = tablesOf(db, syncHistory)
      .selectFrom('run')
      .selectAll()
      .where('account_id', '=', accountId)
      .where(isWithin('started_at', filter))
      .$if(status === 'running', (query) => query.where('outcome', 'is', null))
      .$if(status !== undefined && status !== 'running', (query) =>
        query.where('outcome', '=', status === 'interrupted' ? 'abandoned' : status!),
      )
    const order = { column: 'started_at', type: 'timestamptz', id: 'number' } as const
    const rows = await paged(found, order, page).execute()
    return rows.map(toItem)
  }

/** A run with the messages that failed in it, at most 1,000 of them. */
export const findRun =
  (db: Kysely<unknown>) =>
  async (accountId: string, number: number): Promise<SyncRunDetail | null> => {
    const tables = tablesOf(db, syncHistory)
    const row = await tables
      .selectFrom('run')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('number', '=', number)
      .executeTakeFirst()
    if (!row) return null
    const failures = await tables
      .selectFrom('failure')
      .select(['folder', 'ref', 'reason', 'attempts', 'message_id as messageId'])
      .where('account_id', '=', accountId)
      .where('number', '=', number)
      .orderBy('folder')
      .orderBy('ref')
      .limit(1000)
      .execute()
    return { ...toItem(row), failures }
  }
