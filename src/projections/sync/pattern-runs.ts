import { sql, type Kysely } from 'kysely'
import type { ExcludePattern } from '../../domain/accounts/events.ts'
import { ChangesSynced, type Placement } from '../../domain/sync/events.ts'
import { patternRunEvents } from '../../domain/sync/pattern-run-events.ts'
import {
  integer,
  json,
  nullable,
  projection,
  table,
  tablesOf,
  text,
  timestamp,
  type RowOf,
} from '../projection.ts'

const run = table({
  columns: {
    account_id: text,
    number: integer,
    /** `applying`, then `fetching` if there is mail to be fetched again, then `finished`. */
    status: text,
    patterns: json<ExcludePattern[]>(),
    examined: integer,
    hidden: integer,
    shown: integer,
    to_fetch: nullable(integer),
    requested_at: timestamp,
    finished_at: nullable(timestamp),
  },
  key: ['account_id'],
  indexes: ["(requested_at, account_id) WHERE status = 'applying'"],
})

const tables = {
  run,
  /** The last run of each account that has applied its patterns. */
  applied: table({ columns: { account_id: text, number: integer }, key: ['account_id'] }),
  /** Where in the mailbox there is mail that a pattern left out, and how many runs of patterns had been before. */
  left_out: table({
    columns: {
      account_id: text,
      folder: text,
      ref: text,
      role: nullable(text),
      pattern: json<ExcludePattern>(),
      run: integer,
    },
    key: ['account_id', 'folder', 'ref'],
  }),
}

/** What exclude patterns have left out, and the latest run of each account that applies them to what is here. */
export const patternRuns = projection({
  name: 'pattern-runs',
  version: 1,
  tables,
  events: [ChangesSynced, ...patternRunEvents],
  fold: (event, rows) => {
    const { accountId: account_id } = event.data
    const at = event.metadata.occurredAt
    if (event.type === 'ChangesSynced') {
      const { exclusions, askedAgain = [] } = event.data
      for (const { folder, ref } of askedAgain) rows.remove('left_out', { account_id, folder, ref })
      if (exclusions.length === 0) return
      const { number = 0 } = rows.get('applied', { account_id }) ?? {}
      for (const { folder, ref, role, pattern } of exclusions)
        if (pattern !== null) rows.put('left_out', { account_id, folder, ref, role, pattern, run: number })
      return
    }
    if (event.type === 'PatternRunRequested') {
      const { number, patterns } = event.data
      const fresh = { examined: 0, hidden: 0, shown: 0, to_fetch: null, finished_at: null }
      rows.put('run', { account_id, number, status: 'applying', patterns, requested_at: at, ...fresh })
      return
    }
    const row = rows.get('run', { account_id })
    if (!row) throw new Error(`${event.type} of a run that was not requested`)
    switch (event.type) {
      case 'PatternRunProgressed': {
        const { examined, hidden, shown } = event.data
        return rows.put('run', { ...row, examined, hidden, shown })
      }
      case 'PatternRunFinished': {
        const { number, examined, hidden, shown, toFetch: to_fetch } = event.data
        rows.put('applied', { account_id, number })
        const ended =
          to_fetch > 0 ? ({ status: 'fetching' } as const) : { status: 'finished', finished_at: at }
        return rows.put('run', { ...row, examined, hidden, shown, to_fetch, ...ended })
      }
      case 'LeftOutMailFetched':
        if (row.number !== event.data.number) return
        return rows.put('run', { ...row, status: 'finished', finished_at: at })
    }
  },
})

const keyOf = ({ pattern, match }: ExcludePattern): string => JSON.stringify({ pattern, match })

/** What patterns left out that are not among these. */
const leftOutBeside = (db: Kysely<unknown>, accountId: string, patterns: readonly ExcludePattern[]) =>
  tablesOf(db, patternRuns)
    .selectFrom('left_out')
    .where('account_id', '=', accountId)
    .where(sql<boolean>`pattern <> all(${patterns.map(keyOf)}::jsonb[])`)

/** How much of what was left out would be fetched again with these patterns. */
export const countToFetch =
  (db: Kysely<unknown>) =>
  async (accountId: string, patterns: readonly ExcludePattern[]): Promise<number> => {
    const { count } = await leftOutBeside(db, accountId, patterns)
      .select(sql<number>`count(*)::integer`.as('count'))
      .executeTakeFirstOrThrow()
    return count
  }

type LeftOutQuery = {
  readonly accountId: string
  readonly number: number
  readonly patterns: readonly ExcludePattern[]
  readonly after: { readonly folder: string; readonly ref: string } | null
  readonly limit: number
}

/** What was left out before the run with this number had ended, by patterns that are not among these. */
export const leftOut =
  (db: Kysely<unknown>) =>
  async ({ accountId, number, patterns, after, limit }: LeftOutQuery): Promise<Placement[]> => {
    const rows = await leftOutBeside(db, accountId, patterns)
      .select(['folder', 'role', 'ref'])
      .where('run', '<', number)
      .$if(after !== null, (query) =>
        query.where(sql<boolean>`(folder, ref) > (${after?.folder}, ${after?.ref})`),
      )
      .orderBy('folder')
      .orderBy('ref')
      .limit(limit)
      .execute()
    return rows.map(({ role, ...place }) => ({ ...place, role: role as Placement['role'] }))
  }

/** Accounts whose patterns are being applied, and not these, the longest waiting first. */
export const patternsToApply =
  (db: Kysely<unknown>) =>
  async (limit: number, without: readonly string[]): Promise<string[]> => {
    const rows = await tablesOf(db, patternRuns)
      .selectFrom('run')
      .select('account_id')
      .where('status', '=', sql.lit('applying'))
      .$if(without.length > 0, (query) => query.where('account_id', 'not in', without))
      .orderBy('requested_at')
      .orderBy('account_id')
      .limit(limit)
      .execute()
    return rows.map(({ account_id }) => account_id)
  }

/** `toFetch` is null as long as the patterns are being applied. */
export type PatternRunView = {
  readonly number: number
  readonly status: 'applying' | 'fetching' | 'finished'
  readonly excludePatterns: readonly ExcludePattern[]
  readonly examined: number
  readonly hidden: number
  readonly shown: number
  readonly toFetch: number | null
  readonly requestedAt: string
  readonly finishedAt: string | null
}

/** The latest run of an account; null if there never was one. */
export const findPatternRun =
  (db: Kysely<unknown>) =>
  async (accountId: string): Promise<PatternRunView | null> => {
    const row = await tablesOf(db, patternRuns)
      .selectFrom('run')
      .selectAll()
      .where('account_id', '=', accountId)
      .executeTakeFirst()
    return row ? toView(row) : null
  }

const toView = ({
  number,
  status,
  patterns,
  examined,
  hidden,
  shown,
  ...row
}: RowOf<typeof run>): PatternRunView => ({
  number,
  status: status === 'applying' || status === 'fetching' ? status : 'finished',
  excludePatterns: patterns,
  examined,
  hidden,
  shown,
  toFetch: row.to_fetch,
  requestedAt: row.requested_at,
  finishedAt: row.finished_at,
})
