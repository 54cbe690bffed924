import { sql, type Kysely } from 'kysely'
import {
  DraftDiscarded,
  DraftSaved,
  EmailCancelled,
  EmailQueued,
  type Draft,
} from '../../domain/sending/events.ts'
import {
  allOf,
  containing,
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
} from '../projection.ts'

const draft = table({
  columns: {
    id: text,
    account_id: text,
    user_id: nullable(text),
    contact_id: nullable(text),
    deal_id: nullable(text),
    draft: json<Draft>(),
    created_at: timestamp,
    changed_at: timestamp,
    revision: integer,
  },
  key: ['id'],
  indexes: [
    '(changed_at, id)',
    '(user_id, changed_at, id)',
    '(account_id, changed_at, id)',
    '(contact_id) WHERE contact_id IS NOT NULL',
    '(deal_id) WHERE deal_id IS NOT NULL',
  ],
})

/** What is being written: drafts that were neither queued nor discarded, and emails that were cancelled. */
export const drafts = projection({
  name: 'drafts',
  version: 3,
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
      contact_id: written.contactId,
      deal_id: written.dealId,
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

/** What a list of drafts is narrowed down to; what is undefined narrows nothing. */
type DraftFilter = {
  readonly userId?: string | undefined
  readonly accountId?: string | undefined
  readonly contactId?: string | undefined
  readonly dealId?: string | undefined
  /** Part of the subject; capital letters do not count. */
  readonly search?: string | undefined
} & Span

/** Drafts in the order in which they were last changed. */
export const listDrafts =
  (db: Kysely<unknown>) =>
  async (filter: DraftFilter, page: Page): Promise<DraftItem[]> => {
    const { userId, accountId, contactId, dealId, search } = filter
    const conditions = [
      userId !== undefined && sql`user_id = ${userId}`,
      accountId !== undefined && sql`account_id = ${accountId}`,
      contactId !== undefined && sql`contact_id = ${contactId}`,
      dealId !== undefined && sql`deal_id = ${dealId}`,
      search !== undefined && sql`draft ->> 'subject' ilike ${containing(search)}`,
      isWithin('changed_at', filter),
    ]
    const found = tablesOf(db, drafts)
      .selectFrom('draft')
      .select(['id', 'draft', 'created_at', 'changed_at'])
      .where(allOf(conditions))
    const order = { column: 'changed_at', type: 'timestamptz' } as const
    const rows = await paged(found, order, page).execute()
    return rows.map((row) => ({
      ...row.draft,
      id: row.id,
      createdAt: row.created_at,
      changedAt: row.changed_at,
    }))
  }
