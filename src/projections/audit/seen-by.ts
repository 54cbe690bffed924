import { sql, type Kysely } from 'kysely'
import { schemaOf } from '../projection.ts'
import { EVERYBODY, eventIndex } from './event-index.ts'

/** What the index says of an event. `seenBy`: who may see it besides programs. */
export type EventFacts = {
  readonly account: string | null
  readonly seenBy: 'everybody' | { readonly user: string } | null
}

const event = sql.table(`${schemaOf(eventIndex)}.event`)

/** Of the events at these positions, whose they are; one that is missing is parked, and only for programs. */
export const factsOfEvents =
  (db: Kysely<unknown>) =>
  async (positions: readonly string[]): Promise<ReadonlyMap<string, EventFacts>> => {
    const { rows } = await sql<{ position: string; account: string | null; seen_by: string | null }>`
      select position, account, seen_by from ${event} where position = any(${[...positions]}::text[])`.execute(
      db,
    )
    return new Map(
      rows.map(({ position, account, seen_by }) => [position, { account, seenBy: seenByOf(seen_by) }]),
    )
  }

const seenByOf = (seenBy: string | null): EventFacts['seenBy'] => {
  if (seenBy === null) return null
  return seenBy === EVERYBODY ? 'everybody' : { user: seenBy }
}
