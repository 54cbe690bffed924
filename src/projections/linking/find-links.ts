import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { Link, RecordRef } from '../../domain/linking/events.ts'
import { currentLinks, noLinks, type CurrentLink } from '../../domain/linking/links.ts'
import { paged, schemaOf, tablesOf, type Page } from '../projection.ts'
import { messageLinks } from './message-links.ts'

/** What a message is linked to and why, what is suggested, and what somebody decided that it does not belong to. */
export type LinksOfMessage = {
  readonly links: readonly CurrentLink[]
  readonly suggestions: readonly Link[]
  readonly unlinked: readonly RecordRef[]
  /** Of the links; -1 before the first. */
  readonly revision: number
}

export const linksOfMessage =
  (db: Kysely<unknown>) =>
  async (messageId: string): Promise<LinksOfMessage> => {
    const row = await tablesOf(db, messageLinks)
      .selectFrom('message')
      .select(['links', 'revision'])
      .where('id', '=', messageId)
      .executeTakeFirst()
    const links = row?.links ?? noLinks
    return { ...currentLinks(links), unlinked: links.unlinked, revision: row?.revision ?? -1 }
  }

/** A query for the `id`s of the messages that are linked to the record. */
export const linkedTo = ({ kind, id }: RecordRef): RawBuilder<unknown> => sql`
  select message_id as id from ${sql.table(`${schemaOf(messageLinks)}.link`)}
  where record_kind = ${kind} and record_id = ${id}`

export type SuggestionItem = {
  readonly id: string
  readonly messageId: string
  readonly accountId: string
  readonly suggestion: Link
  readonly since: string
}

/** What waits for a decision in the accounts of whose mail somebody sees anything, or in one of them. */
export const listSuggestions =
  (db: Kysely<unknown>) =>
  async (
    filter: {
      readonly accounts: readonly string[] | null
      readonly kind?: RecordRef['kind'] | undefined
    },
    page: Page,
  ): Promise<SuggestionItem[]> => {
    const { accounts, kind } = filter
    const found = tablesOf(db, messageLinks)
      .selectFrom('suggestion')
      .selectAll()
      .$if(accounts !== null, (query) =>
        query.where(sql<boolean>`account_id = any(${[...(accounts ?? [])]}::text[])`),
      )
      .$if(kind !== undefined, (query) => query.where('record_kind', '=', kind!))
    const rows = await paged(found, { column: 'since', type: 'timestamptz' }, page).execute()
    return rows.map(({ id, message_id, account_id, link, since }) => ({
      id,
      messageId: message_id,
      accountId: account_id,
      suggestion: link,
      since,
    }))
  }

/** How many messages of an account are linked to the CRM, and by which rules; one may be linked by several. */
export type LinkFigures = { readonly linked: number; readonly byRule: Readonly<Record<string, number>> }

export const linkFigures =
  (db: Kysely<unknown>) =>
  async (accountId: string): Promise<LinkFigures> => {
    const rows = await tablesOf(db, messageLinks)
      .selectFrom('figure')
      .select(['rule', 'messages'])
      .where('account_id', '=', accountId)
      .where('messages', '>', 0)
      .execute()
    const counts = Object.fromEntries(rows.map(({ rule, messages }) => [rule, messages]))
    const { total = 0, ...byRule } = counts
    return { linked: total, byRule }
  }

export type LinkRun = {
  readonly upTo: string
  readonly startedAt: string
  readonly finishedAt: string | null
  readonly examined: number
  readonly changed: number
}

/** Re-linkings of older messages. */
export const listLinkRuns =
  (db: Kysely<unknown>) =>
  (page: Page): Promise<LinkRun[]> => {
    const found = tablesOf(db, messageLinks)
      .selectFrom('run')
      .select([
        'up_to as upTo',
        'started_at as startedAt',
        'finished_at as finishedAt',
        'examined',
        'changed',
      ])
    return paged(found, { column: 'started_at', type: 'timestamptz', id: 'up_to' }, page).execute()
  }
