import type { Kysely } from 'kysely'
import { normaliseAddress } from '../../domain/mail.ts'
import { tablesOf, type VisibilityDeps } from '../projection.ts'
import { threadRowOf, toThread, type VisibleThread } from './find-threads.ts'
import type { ThreadRow } from './thread-tables.ts'
import { threads } from './threads.ts'

/** So long before a thread began, or after it was last active, another may be the rest of it. */
const WITHIN_MS = 30 * 86_400_000
const MOST = 20
const LOOKED_AT = 200

/**
 * Threads of the same account that may be the rest of this one, which some programs break by replying without
 * References: with the same subject, with one of its people besides the account, and at about the same time. The
 * nearest in time come first. Whoever does not see subjects gets none.
 */
export const similarThreads =
  (db: Kysely<unknown>, { visibilityOf }: Pick<VisibilityDeps, 'visibilityOf'>) =>
  async (id: string, userId: string | null): Promise<VisibleThread[] | null> => {
    const row = await threadRowOf(db, id)
    if (!row || row.messages === 0) return null
    const visibility = await visibilityOf(row.account_id, userId)
    if (visibility === 'nothing') return null
    if (visibility === 'metadata' || row.base_subject === '') return []
    const own = await tablesOf(db, threads)
      .selectFrom('own')
      .select('address')
      .where('account_id', '=', row.account_id)
      .executeTakeFirst()
    const others = (of: ThreadRow): string[] =>
      of.people.map(({ address }) => normaliseAddress(address)).filter((address) => address !== own?.address)
    const people = new Set(others(row))
    const [earliest, latest] = [timeOf(row.first_at) - WITHIN_MS, timeOf(row.last_at) + WITHIN_MS]
    const found = await tablesOf(db, threads)
      .selectFrom('thread')
      .selectAll()
      .where('account_id', '=', row.account_id)
      .where('base_subject', '=', row.base_subject)
      .where('merged_into', 'is', null)
      .where('messages', '>', 0)
      .where('id', '<>', row.id)
      .where('last_at', '>=', new Date(earliest).toISOString())
      .where('first_at', '<=', new Date(latest).toISOString())
      .orderBy('last_at', 'desc')
      .limit(LOOKED_AT)
      .execute()
    return found
      .filter((each) => others(each).some((address) => people.has(address)))
      .toSorted((a, b) => distance(row, a) - distance(row, b))
      .slice(0, MOST)
      .map((each) => toThread(each, visibility))
  }

const timeOf = (instant: string): number => new Date(instant).getTime()

/** The time between the end of one thread and the beginning of the other; 0 where they overlap. */
const distance = (a: ThreadRow, b: ThreadRow): number =>
  Math.max(timeOf(b.first_at) - timeOf(a.last_at), timeOf(a.first_at) - timeOf(b.last_at), 0)
