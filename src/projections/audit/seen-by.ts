import { sql, type Kysely } from 'kysely'
import type { AccessRights } from '../../domain/accounts/access-rights.ts'
import { schemaOf } from '../projection.ts'
import { EVERYBODY, OF_ACCOUNT, eventIndex } from './event-index.ts'

/** What the index says of an event. `seenBy`: who may see it besides programs. */
export type EventFacts = {
  readonly account: string | null
  readonly seenBy: SeenBy | null
}
/** `own`: the user whose email it is about. `access`: who may use the account now, and since which position. */
export type SeenBy =
  | { readonly kind: 'everybody' }
  | { readonly kind: 'user'; readonly userId: string }
  | { readonly kind: 'account'; readonly own: string | null; readonly access: AccountAccess }
type AccountAccess = { readonly rights: AccessRights; readonly position: string }

const tableNamed = (name: keyof typeof eventIndex.tables) => sql.table(`${schemaOf(eventIndex)}.${name}`)

/** Of the events at these positions, whose they are; one that is missing is parked, and only for programs. */
export const factsOfEvents =
  (db: Kysely<unknown>) =>
  async (positions: readonly string[]): Promise<ReadonlyMap<string, EventFacts>> => {
    const { rows } = await sql<FactsRow>`
      select e.position, e.account, e.seen_by, e.own, access.rights, access.position as since
      from ${tableNamed('event')} e left join ${tableNamed('access')} access on access.account = e.account
      where e.position = any(${[...positions]}::text[])`.execute(db)
    return new Map(rows.map((row) => [row.position, { account: row.account, seenBy: seenByOf(row) }]))
  }

type FactsRow = {
  readonly position: string
  readonly account: string | null
  readonly seen_by: string | null
  readonly own: string | null
  readonly rights: AccessRights | null
  readonly since: string | null
}

const seenByOf = ({ seen_by, own, rights, since }: FactsRow): SeenBy | null => {
  if (seen_by === null) return null
  if (seen_by === EVERYBODY) return { kind: 'everybody' }
  if (seen_by !== OF_ACCOUNT) return { kind: 'user', userId: seen_by }
  return rights === null || since === null
    ? null
    : { kind: 'account', own, access: { rights, position: since } }
}
