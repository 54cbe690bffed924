import type { Kysely } from 'kysely'
import { withLeft, type FolderProgress } from '../../domain/sync/folder-progress.ts'
import { backfillEvents, ChangesSynced } from '../../domain/sync/events.ts'
import { integer, json, nullable, projection, table, tablesOf, text, timestamp } from '../projection.ts'

const backfill = table({
  columns: {
    account_id: text,
    since: timestamp,
    status: text,
    stored: integer,
    folders: json<FolderProgress[]>(),
    requested_at: timestamp,
    finished_at: nullable(timestamp),
  },
  key: ['account_id'],
})

/** How far the latest backfill of each account has come. */
export const backfills = projection({
  name: 'backfills',
  version: 1,
  tables: { backfill },
  events: [...backfillEvents, ChangesSynced],
  fold: (event, rows) => {
    const { accountId: account_id } = event.data
    const at = event.metadata.occurredAt
    if (event.type === 'BackfillRequested')
      return rows.put('backfill', {
        account_id,
        since: event.data.since,
        status: 'running',
        stored: 0,
        folders: [],
        requested_at: at,
        finished_at: null,
      })
    const row = rows.get('backfill', { account_id })
    if (!row) return
    switch (event.type) {
      case 'ChangesSynced': {
        const { backfill: since, folders, left } = event.data
        if (since !== row.since) return
        row.folders = withLeft(row.folders, folders, left)
        row.stored += folders.reduce((sum, { stored }) => sum + stored, 0)
        break
      }
      case 'BackfillPaused':
        row.status = 'paused'
        break
      case 'BackfillResumed':
        row.status = 'running'
        break
      case 'BackfillFinished':
        row.status = 'finished'
        row.finished_at = at
        break
    }
    rows.put('backfill', row)
  },
})

/** Older mail that was asked for. `stored` counts what was not here before. */
export type BackfillView = {
  readonly accountId: string
  readonly since: string
  readonly status: 'running' | 'paused' | 'finished'
  readonly stored: number
  readonly folders: readonly FolderProgress[]
  readonly requestedAt: string
  readonly finishedAt: string | null
}

/** The latest backfill of an account; null if there never was one. */
export const findBackfill =
  (db: Kysely<unknown>) =>
  async (accountId: string): Promise<BackfillView | null> => {
    const row = await tablesOf(db, backfills)
      .selectFrom('backfill')
      .selectAll()
      .where('account_id', '=', accountId)
      .executeTakeFirst()
    return row === undefined
      ? null
      : {
          accountId,
          since: row.since,
          status: row.status === 'paused' || row.status === 'finished' ? row.status : 'running',
          stored: row.stored,
          folders: row.folders,
          requestedAt: row.requested_at,
          finishedAt: row.finished_at,
        }
  }
