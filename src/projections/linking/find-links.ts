import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { Link, RecordRef } from '../../domain/linking/events.ts'
import { currentLinks, noLinks, type CurrentLink } from '../../domain/linking/links.ts'
import { schemaOf, tablesOf } from '../projection.ts'
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

/** A query for the `message_id`s of what is linked to the record. */
export const linkedTo = ({ kind, id }: RecordRef): RawBuilder<unknown> => sql`
  select message_id from ${sql.table(`${schemaOf(messageLinks)}.link`)}
  where record_kind = ${kind} and record_id = ${id}`
