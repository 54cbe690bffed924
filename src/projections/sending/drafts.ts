import { sql, type Kysely } from 'kysely'
import {
  DraftDiscarded,
  DraftSaved,
  EmailCancelled,
  EmailQueued,
  type Draft,
} from '../../domain/sending/events.ts'
import { integer, json, nullable, projection, table, tablesOf, text, timestamp } from '../projection.ts'

const draft = table({
  columns: {
    id: text,
    account_id: text,
    user_id: nullable(text),
    draft: json<Draft>(),
    created_at: timestamp,
    changed_at: timestamp,
    revision: integer,
  },
  key: ['id'],
  indexes: ['(changed_at, id)', '(user_id, changed_at, id)'],
})

/** What is being written: drafts that were neither queued nor discarded, and emails that were cancelled. */
export const drafts = projection({
  name: 'drafts',
  version: 2,
  tables: { draft },
  events: [DraftSaved, DraftDiscarded, EmailQueued, EmailCancelled],
  fold: (event, rows) => {
    const { outgoingId: id } = event.data
    const written = event.type === 'DraftSaved' || event.type === 'EmailCancelled' ? event.data.draft : null
    if (!written) return rows.remove('draft', { id })
    const at = event.metadata.occurredAt
    rows.put('draft', {
      id,
      account_id: written.accountId,
      user_id: written.userId,
      draft: written,
      created_at: rows.get('draft', { id })?.created_at ?? at,
      changed_at: at,
      revision: event.revision,
    })
  },
})

export type DraftItem = Draft & {
  readonly id: string
  readonly createdAt: string
  readonly changedAt: string
}

/** Drafts of one user or of everybody, last changed first, up to `limit` after the key `after`. */
export const listDrafts =
  (db: Kysely<unknown>) =>
  async (
    filter: { readonly userId?: string | undefined; readonly accountId?: string | undefined },
    after: readonly [changedAt: string, id: string] | null,
    limit: number,
  ): Promise<DraftItem[]> => {
    const rows = await tablesOf(db, drafts)
      .selectFrom('draft')
      .select(['id', 'draft', 'created_at', 'changed_at'])
      .$if(filter.userId !== undefined, (query) => query.where('user_id', '=', filter.userId ?? ''))
      .$if(filter.accountId !== undefined, (query) => query.where('account_id', '=', filter.accountId ?? ''))
      .$if(after !== null, (query) =>
        query.where(sql<boolean>`(changed_at, id) < (${after?.[0]}::timestamptz, ${after?.[1]})`),
      )
      .orderBy('changed_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit)
      .execute()
    return rows.map((row) => ({
      ...row.draft,
      id: row.id,
      createdAt: row.created_at,
      changedAt: row.changed_at,
    }))
  }
