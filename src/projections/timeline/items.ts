import type { RecordRef } from '../../domain/linking/events.ts'
import { currentLinks, isAmong, noLinks } from '../../domain/linking/links.ts'
import { isAbsent } from '../../domain/sync/absence.ts'
import { sortOf, type EntryKind, type MailKind } from '../../domain/timeline/kinds.ts'
import { noContent, type Content, type EntryRow, type Item, type TimelineRows } from './tables.ts'

/** A message or email, known or not: its links may be told of first. */
export const itemOf = (rows: TimelineRows, id: string, account_id: string): Item =>
  rows.get('item', { id }) ?? {
    id,
    account_id,
    links: noLinks,
    about: [],
    exchanged: false,
    deleted: false,
    hidden: false,
    entries: [],
  }

/**
 * The records on whose timelines the item is: those that it is linked to. Until the rules have looked at an email, it
 * belongs to what it was written about, unless somebody says otherwise.
 */
const recordsOf = ({ links, about }: Item): RecordRef[] => {
  const linked = currentLinks(links).links.map(({ record }) => record)
  if (links.matcher > 0) return linked
  return [...linked, ...about.filter((record) => !isAmong(record, [...linked, ...links.unlinked]))]
}

export const entryIdOf = (itemId: string, kind: string): string => `${itemId}.${kind}`

type NewEntry = Pick<EntryRow, 'account_id' | 'at' | 'position'> & {
  readonly entry_id: string
  readonly kind: EntryKind
  readonly content: Partial<Content>
} & Partial<Omit<EntryRow, 'kind' | 'content'>>

export const newEntry = ({ content, ...of }: NewEntry): EntryRow => ({
  direction: null,
  verdict: null,
  inward: false,
  message_id: null,
  shown: true,
  records: [],
  count: 1,
  last_at: of.at,
  ...of,
  content: { ...noContent, ...content },
})

/** Writes an entry, on the timelines of its records too. */
export const putEntry = (rows: TimelineRows, entry: EntryRow): void => {
  rows.put('entry', { ...entry, sort: sortOf(entry.kind, entry.verdict) })
  putOnRecords(rows, entry)
}

const putOnRecords = (rows: TimelineRows, entry: EntryRow): void => {
  const { entry_id, at, direction, inward, shown, position } = entry
  for (const { kind: record_kind, id: record_id } of entry.records)
    rows.put('on_record', {
      record_kind,
      record_id,
      account_id: entry.account_id ?? '',
      entry_id,
      sort: sortOf(entry.kind, entry.verdict),
      at,
      direction,
      inward,
      shown,
      position,
    })
}

/** Writes an entry that may have been on other timelines: there it is shown no longer. */
export const replaceEntry = (rows: TimelineRows, known: EntryRow, entry: EntryRow): void => {
  putOnRecords(rows, { ...known, shown: false, position: entry.position })
  putEntry(rows, entry)
}

/** The entry is on no timeline any more, and tells nothing. */
export const removeEntry = (rows: TimelineRows, entry_id: string, position: string): void => {
  const entry = rows.get('entry', { entry_id })
  if (entry) putEntry(rows, { ...entry, shown: false, content: noContent, position })
}

/** Writes entries of an item, which are where the item's other entries are. */
export const putItemEntries = (rows: TimelineRows, item: Item, entries: readonly EntryRow[]): void => {
  const ids = new Set([...item.entries, ...entries.map(({ entry_id }) => entry_id)])
  rows.put('item', { ...item, entries: [...ids] })
  for (const entry of entries) putEntry(rows, { ...entry, ...placeOf(item) })
}

const placeOf = (item: Item) => ({
  account_id: item.account_id,
  message_id: item.id,
  records: recordsOf(item),
  inward: !item.exchanged,
  shown: !isAbsent(item),
})

/** The item is on other timelines now: all of its entries move. */
export const moveItem = (rows: TimelineRows, item: Item, position: string): void => {
  rows.put('item', item)
  const place = placeOf(item)
  for (const entry_id of item.entries) {
    const entry = rows.get('entry', { entry_id })
    if (!entry) continue
    replaceEntry(rows, entry, { ...entry, ...place, position })
  }
}

/**
 * An entry of something that may happen again: it stays where it happened first, and counts. Its words are those of the
 * latest.
 */
export const tallied = (
  rows: TimelineRows,
  item: Item,
  kind: MailKind,
  { at, position, content }: Pick<EntryRow, 'at' | 'position'> & { readonly content: Partial<Content> },
): EntryRow => {
  const entry_id = entryIdOf(item.id, kind)
  const known = rows.get('entry', { entry_id })
  const next = newEntry({ entry_id, kind, account_id: item.account_id, at, position, content })
  if (!known) return next
  return {
    ...next,
    at: known.at,
    count: known.count + 1,
    last_at: at > known.last_at ? at : known.last_at,
  }
}
