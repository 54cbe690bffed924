import { sql, type Kysely, type RawBuilder } from 'kysely'
import { ownStreams, subjectKey, type Subject } from '../../domain/audit/subjects.ts'
import { levelIn, schemaOf } from '../projection.ts'
import { EVERYBODY, OF_ACCOUNT, eventIndex } from './event-index.ts'

/** Which events are asked for: those for which all of it holds. Instants are RFC 3339, and inclusive. */
export type EventQuery = {
  /** One stream alone. */
  readonly stream?: string | undefined
  readonly account?: string | undefined
  /** For each list, events about something in it. */
  readonly about: readonly (readonly Subject[])[]
  readonly types?: readonly string[] | undefined
  readonly actorKind?: string | undefined
  readonly actorId?: string | undefined
  /** With which API key it was done, also by or for a user. */
  readonly apiKey?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
  /** The position of the last event. */
  readonly until?: string | null | undefined
  /** Who asks: null is a program, which sees everything. */
  readonly userId: string | null
}

/** A page: the events behind `after` (null: from the beginning), at most `limit`. */
export type EventPage = {
  readonly descending: boolean
  readonly after: string | null
  readonly limit: number
}

/** Where an event is in the log. */
export type EventRef = { readonly position: string; readonly stream: string; readonly revision: number }

type Sql = RawBuilder<unknown>

const tableNamed = (name: keyof typeof eventIndex.tables): Sql => sql.table(`${schemaOf(eventIndex)}.${name}`)
const event = tableNamed('event')
const link = tableNamed('link')
const hour = tableNamed('hour')

/** Where the events are that are asked for. */
export const findEvents =
  (db: Kysely<unknown>) =>
  async (query: EventQuery, { descending, after, limit }: EventPage): Promise<EventRef[]> => {
    const direction = sql.raw(descending ? 'desc' : 'asc')
    const beyond = after === null ? [] : [sql`e.position ${sql.raw(descending ? '<' : '>')} ${after}`]
    const access = await accessOf(db, query.userId)
    const conditions = sql.join([...conditionsOf(query, access), ...beyond, sql`true`], sql` and `)
    // Each way finds its events in order by an index, and stops after a page.
    const pages = waysOf(query, access).map(
      ({ from, where }) =>
        sql`(select e.position, e.stream, e.revision from ${from} where ${where} and ${conditions}
             order by e.position ${direction} limit ${limit})`,
    )
    const { rows } = await sql<EventRef>`
      select * from (${sql.join(pages, sql` union `)}) as found
      order by position ${direction} limit ${limit}`.execute(db)
    return rows
  }

type Way = { readonly from: Sql; readonly where: Sql }

/**
 * The ways to all that is asked for, each by values that an index has in the order of positions. What is found in several
 * ways is one event all the same.
 */
const waysOf = ({ stream, about: [things], types = [], userId }: EventQuery, access: Access): Way[] => {
  const all = sql`${event} e`
  if (things)
    return [
      { from: all, where: sql`e.stream = any(${streamsOf(things)}::text[])` },
      {
        from: sql`${link} l join ${event} e on e.position = l.position`,
        where: sql`l.subject = any(${things.map(subjectKey)}::text[])`,
      },
    ]
  if (stream !== undefined) return [{ from: all, where: sql`e.stream = ${stream}` }]
  const ofTypes = types.length === 0 ? [sql`true`] : types.map((type) => sql`e.type = ${type}`)
  const ofUsers =
    userId === null
      ? [sql`true`]
      : [...[EVERYBODY, userId].map((seenBy) => sql`e.seen_by = ${seenBy}`), ...waysOfAccounts(access)]
  return ofTypes.flatMap((type) => ofUsers.map((user) => ({ from: all, where: sql`${type} and ${user}` })))
}

/** The index of each account leads to its own events; of very many, most events are of one of them. */
const MOST_WAYS = 50

const waysOfAccounts = ({ all, own }: Access): Sql[] =>
  all.length + own.length > MOST_WAYS
    ? [sql`e.seen_by = ${OF_ACCOUNT}`]
    : [...all, ...own].map((account) => sql`e.seen_by = ${OF_ACCOUNT} and e.account = ${account}`)

const streamsOf = (things: readonly Subject[]): string[] => things.flatMap(ownStreams)

/** Of which accounts a user may see all events, and of which those about their own emails. */
type Access = { readonly all: readonly string[]; readonly own: readonly string[] }

const accessOf = async (db: Kysely<unknown>, userId: string | null): Promise<Access> => {
  if (userId === null) return { all: [], own: [] }
  const { rows } = await sql<{ account: string; level: string }>`
    select account, level from (
      select account, ${levelIn('rights', userId)} as level from ${tableNamed('access')}) as held
    where level is not null`.execute(db)
  const at = (isMeant: (level: string) => boolean): string[] =>
    rows.filter(({ level }) => isMeant(level)).map(({ account }) => account)
  return { all: at((level) => level !== 'send'), own: at((level) => level === 'send') }
}

const isSeenBy = (userId: string, { all, own }: Access): Sql => sql`(e.seen_by in (${EVERYBODY}, ${userId})
  or e.seen_by = ${OF_ACCOUNT} and (e.account = any(${[...all]}::text[])
    or e.own = ${userId} and e.account = any(${[...own]}::text[])))`

const conditionsOf = (query: EventQuery, access: Access): Sql[] => {
  const { stream, account, about, types, actorKind, actorId, apiKey, from, to, until, userId } = query
  const conditions: (Sql | false)[] = [
    stream !== undefined && sql`e.stream = ${stream}`,
    account !== undefined && sql`e.account = ${account}`,
    // Asked once, so that nobody has all events of a large account looked through for nothing.
    account !== undefined &&
      userId !== null &&
      sql`exists (select from ${tableNamed('access')} where account = ${account}
        and ${levelIn('rights', userId)} is not null)`,
    types !== undefined && sql`e.type = any(${[...types]}::text[])`,
    actorKind !== undefined && sql`e.actor_kind = ${actorKind}`,
    actorId !== undefined && sql`e.actor_id = ${actorId}`,
    apiKey !== undefined && sql`e.api_key = ${apiKey}`,
    userId !== null && isSeenBy(userId, access),
    until !== undefined && until !== null && sql`e.position <= ${until}`,
    from !== undefined &&
      sql`e.recorded_at >= ${from}::timestamptz
        and e.position >= (select min(first collate "C") from ${hour} where hour >= ${hourOf(from)}::timestamptz)`,
    to !== undefined &&
      sql`e.recorded_at <= ${to}::timestamptz
        and e.position <= (select max(last collate "C") from ${hour} where hour <= ${hourOf(to)}::timestamptz)`,
    ...about.slice(1).map(
      (things) =>
        sql`(e.stream = any(${streamsOf(things)}::text[]) or exists (select from ${link} l
          where l.position = e.position and l.subject = any(${things.map(subjectKey)}::text[])))`,
    ),
  ]
  return conditions.filter((condition) => condition !== false)
}

const hourOf = (instant: string): string => `${new Date(instant).toISOString().slice(0, 13)}:00:00.000Z`

/**
 * The messages that belong to these emails: their copies in the mailbox, the answers to them, and what came back. One of
 * another user's account is named too; whoever reads its events sees only what they may.
 */
export const messagesOfEmails =
  (db: Kysely<unknown>) =>
  async (emails: readonly string[]): Promise<string[]> => {
    if (emails.length === 0) return []
    const subjects = emails.map((id): Subject => ({ kind: 'email', id }))
    const { rows } = await sql<{ id: string }>`
      select substr(l.subject, 9) as id from ${event} e join ${link} l on l.position = e.position
      where e.stream = any(${streamsOf(subjects)}::text[]) and l.subject like 'message:%'
      union
      select substr(e.stream, strpos(e.stream, '-') + 1)
      from ${link} l join ${event} e on e.position = l.position
      where l.subject = any(${subjects.map(subjectKey)}::text[])
        and (e.stream like 'message-%' or e.stream like 'report-%')`.execute(db)
    return rows.map(({ id }) => id)
  }
