import { sql, type Kysely, type RawBuilder } from 'kysely'
import type { RecordRef } from '../../domain/linking/events.ts'
import { recordKey } from '../../domain/linking/links.ts'
import { schemaOf } from '../projection.ts'
import { timeline } from './entries.ts'

const merged: RawBuilder<unknown> = sql.table(`${schemaOf(timeline)}.merged`)

/** The ids that lead to the same contact as this one, which is among them, or that did so at a position. */
export const mergedWith = async (
  db: Kysely<unknown>,
  contactId: string,
  position: string | null = null,
): Promise<string[]> => {
  const then = position === null ? sql`true` : sql`position <= ${position}`
  const { rows } = await sql<{ id: string }>`
    with recursive up(id) as (
      select ${contactId}::text collate "C"
      union select survivor from ${merged} join up on contact_id = up.id and ${then}
    ), family(id) as (
      select id from up
      union select contact_id from ${merged} join family on survivor = family.id and ${then}
    )
    select id from family`.execute(db)
  return rows.map(({ id }) => id)
}

/** For each of these records what it is now: a contact that was merged is the one into which it was. */
export const presentRecords = async (
  db: Kysely<unknown>,
  records: readonly RecordRef[],
): Promise<(of: readonly RecordRef[]) => RecordRef[]> => {
  const contacts = records.flatMap(({ kind, id }) => (kind === 'contact' ? [id] : []))
  const { rows } = await sql<{ id: string; survivor: string }>`
    with recursive chain(id, survivor) as (
      select contact_id, survivor from ${merged} where contact_id = any(${[...new Set(contacts)]}::text[])
      union select chain.id, next.survivor from chain join ${merged} as next on next.contact_id = chain.survivor
    )
    select id, survivor from chain
    where not exists (select from ${merged} as next where next.contact_id = chain.survivor)`.execute(db)
  const survivors = new Map(rows.map(({ id, survivor }) => [id, survivor]))
  const now = ({ kind, id }: RecordRef): RecordRef => ({
    kind,
    id: kind === 'contact' ? (survivors.get(id) ?? id) : id,
  })
  return (of) => [...new Map(of.map(now).map((record) => [recordKey(record), record])).values()]
}
