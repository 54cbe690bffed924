import { sql, type Kysely } from 'kysely'
import { beginningWith, paged, schemaOf, tablesOf, type Page } from '../projection.ts'
import { directory } from './entries.ts'
import { entryKey, entryKeys, EVERY, type EntryKeyName } from './entry-keys.ts'

export type DirectoryEntry = { readonly id: string; readonly value: object }

/** What a list of records is narrowed down to; what is undefined narrows nothing. */
export type EntryFilter = { readonly [Name in EntryKeyName]?: string | undefined } & {
  readonly kind: 'user' | 'contact' | 'company' | 'deal'
  /** The beginning of the name; capital letters do not count. */
  readonly search?: string | undefined
}

/** Records of one kind, by id or by name: an index has what they are narrowed down to first in either order. */
export const listEntries =
  (db: Kysely<unknown>) =>
  async (
    filter: EntryFilter,
    { by, ...page }: Page & { readonly by: 'id' | 'name' },
  ): Promise<(DirectoryEntry & { readonly sortName: string })[]> => {
    const { kind, search } = filter
    const tables = tablesOf(db, directory)
    const asked = await keysAskedFor(db, filter)
    const first = asked.find((keys) => keys.length === 1)
    // Compared byte by byte, so that an index finds what a name begins with.
    const byName = sql`found.sort_name collate "C"`
    let found = tables
      .selectFrom('entry_key as found')
      .innerJoin('entry', (join) =>
        join.onRef('entry.kind', '=', 'found.kind').onRef('entry.id', '=', 'found.id'),
      )
      .select(['found.id', 'entry.value', 'found.sort_name as sortName'])
      .where('found.kind', '=', kind)
      .where('found.key', '=', first?.[0] ?? EVERY)
      .$if(search !== undefined, (query) =>
        query.where(sql<boolean>`${byName} like ${beginningWith(search!.toLowerCase())}`),
      )
    for (const keys of asked.filter((each) => each !== first)) {
      const ids = tables
        .selectFrom('entry_key')
        .select('id')
        .where('kind', '=', kind)
        .where(sql<boolean>`key = any(${keys}::text[])`)
      found = found.where('found.id', 'in', ids)
    }
    const column = by === 'id' ? 'found.id' : byName
    return paged(found, { column, type: 'text', id: 'found.id' }, page).execute()
  }

/** For each thing that is asked for, the keys of which a record has one. */
const keysAskedFor = (db: Kysely<unknown>, filter: EntryFilter): Promise<string[][]> => {
  const asked = entryKeys.flatMap((name) => {
    const value = filter[name]
    return value === undefined ? [] : [{ name, value }]
  })
  return Promise.all(
    asked.map(async ({ name, value }) => {
      const values = name === 'contact' ? await sameContact(db, value) : [value]
      return values.map((each) => entryKey(name, each))
    }),
  )
}

/** The contact with all that were merged into it, or into which it was merged: other records may still name those. */
const sameContact = async (db: Kysely<unknown>, contactId: string): Promise<string[]> => {
  const merged = sql`${sql.raw(schemaOf(directory))}.merged_contact`
  const { rows } = await sql<{ id: string }>`
    with recursive survivor as (
      select ${contactId}::text collate "C" as id
      union select m.into_id from survivor s join ${merged} m on m.id = s.id),
    same as (
      select id from survivor
      union select m.id from same s join ${merged} m on m.into_id = s.id)
    select id from same`.execute(db)
  return rows.map(({ id }) => id)
}

/** More contacts with one address help nobody to choose. */
const MOST_CONTACTS = 100

/** The contacts with this address, by id. */
export const contactsOfAddress =
  (db: Kysely<unknown>) =>
  async (address: string): Promise<string[]> => {
    const rows = await tablesOf(db, directory)
      .selectFrom('entry_key')
      .select('id')
      .where('kind', '=', 'contact')
      .where('key', '=', entryKey('email', address))
      .orderBy('id')
      .limit(MOST_CONTACTS)
      .execute()
    return rows.map(({ id }) => id)
  }

/** The contacts with one of these addresses who opted out of tracking. */
export const optedOutAmong =
  (db: Kysely<unknown>) =>
  async (addresses: readonly string[]): Promise<string[]> => {
    const keys = addresses.map((address) => entryKey('email', address))
    const rows = await tablesOf(db, directory)
      .selectFrom('entry_key')
      .select('id')
      .where('kind', '=', 'contact')
      .where(sql<boolean>`key = any(${keys}::text[])`)
      .where('opt_out', '=', true)
      .orderBy('id')
      .limit(MOST_CONTACTS)
      .execute()
    return rows.map(({ id }) => id)
  }
