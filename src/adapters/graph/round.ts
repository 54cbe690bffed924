import type { ChangeSet } from '../../commands/ports/mail-provider.ts'
import { inParallel } from '../../std/in-parallel.ts'
import { inOurWords, isRefusal, type GraphClient } from './client.ts'
import { writeCursor } from './cursor.ts'
import { AT_ONCE } from './gate.ts'
import { changeOf, knownAmong } from './known.ts'
import { folderPath, ITEM_QUERY, listedOf, messagePath, type Item, type Listed } from './messages.ts'
import { unavailable } from './problems.ts'
import { freshCursor, type Reading } from './reading.ts'

/** A filtered delta lists no more than these at first; what is older has to be listed otherwise. */
const FILTERED_DELTA_LIMIT = 5000
const PAGE = 200

export type ItemPage = {
  readonly value?: readonly Item[]
  readonly '@odata.nextLink'?: string
  readonly '@odata.deltaLink'?: string
}

/**
 * Reads on in a folder's delta, page by page. Where Graph does not know the link any more, this one folder is listed
 * anew; what is known already is then not told again.
 */
export const readRound = async function* (reading: Reading): AsyncGenerator<ChangeSet> {
  for (;;) {
    const page = await nextPage(reading)
    if (page === null) {
      reading.isNew = false
      reading.left = null
      reading.at = freshCursor({ id: reading.id, role: reading.folder.role }, reading.query, false)
      continue
    }
    const link = page['@odata.nextLink'] ?? page['@odata.deltaLink']
    const path = link === undefined ? null : reading.client.pathOf(link)
    if (path === null) throw unavailable('outlook-answer-unknown')
    const isDone = page['@odata.nextLink'] === undefined
    const items = page.value ?? []
    // Where nothing has happened, the link of before does as well, and there is nothing to record.
    if (isDone && items.length === 0 && !reading.at.isListing) return
    yield await setOf(reading, items, path, isDone)
    if (isDone) break
  }
  yield* readRest(reading)
}

/** How many messages there are of a folder to list, beyond those that were listed; null where Graph does not tell. */
export const leftToList = async (
  client: GraphClient,
  { id, since, listed }: Reading['at'],
): Promise<number | null> => {
  const filter = since === null ? '' : `&$filter=${encodeURIComponent(`receivedDateTime ge ${since}`)}`
  const path = `${folderPath(id)}/messages?$select=id&$top=1&$count=true${filter}`
  const { '@odata.count': count = null } = await client.get<{ '@odata.count'?: number }>(path)
  return count === null ? null : Math.max(count - listed, 0)
}

/** Null if the link is not known any more. */
const nextPage = async ({ client, at }: Reading): Promise<ItemPage | null> => {
  try {
    return (await client.ask({ path: at.link ?? firstPath(at), pageSize: PAGE })) as ItemPage
  } catch (error) {
    if (at.link !== null && isRefusal(error, 410, 400)) return null
    throw inOurWords(error)
  }
}

const firstPath = ({ id, since }: Reading['at']): string =>
  `${folderPath(id)}/messages/delta()?${ITEM_QUERY}${
    since === null ? '' : `&$filter=${encodeURIComponent(`receivedDateTime ge ${since}`)}`
  }&$orderby=${encodeURIComponent('receivedDateTime desc')}`

const setOf = async (
  reading: Reading,
  items: readonly Item[],
  link: string,
  isDone: boolean,
): Promise<ChangeSet> => {
  const { at, gone } = reading
  for (const item of items)
    if ('@removed' in item) gone.add(item.id)
    else gone.delete(item.id)
  const there = await whole(
    reading.client,
    items.filter(({ id }) => !gone.has(id)),
  )
  const oldest = there.map(({ receivedAt }) => receivedAt).toSorted()[0] ?? at.oldest
  const listed = at.listed + there.length
  const isCapped = at.isListing && isDone && at.since !== null && listed >= FILTERED_DELTA_LIMIT
  return told(reading, there, {
    ...at,
    link,
    isListing: at.isListing && !isDone,
    oldest,
    listed,
    rest: isCapped ? oldest : at.rest,
  })
}

/** A set that brings the reading on to `at`; that is recorded with it unless something else is still to be told. */
const told = async (reading: Reading, there: readonly Listed[], at: Reading['at']): Promise<ChangeSet> => {
  const { folder, seen, query, gone } = reading
  reading.at = at
  seen.clear()
  for (const each of there) seen.set(each.ref, { ...each, folder: folder.folder })
  const refs = there.map(({ ref }) => ref)
  const known = reading.isNew
    ? new Map<string, string[]>()
    : await knownAmong(query.known, folder.folder, refs)
  const changes = there.flatMap((each) => changeOf(folder, each, known.get(each.ref)))
  for (const { ref } of there) reading.told.add(ref)
  const cursor = gone.size > 0 ? null : writeCursor(folder.folder, at)
  if (cursor !== null) reading.recorded = cursor.at
  // All has been listed, whatever came or went meanwhile.
  const isListed = !at.isListing && at.rest === null
  if (reading.left !== null) reading.left = isListed ? 0 : Math.max(reading.left - there.length, 0)
  const left = reading.left === null ? {} : { left: [{ folder: folder.folder, count: reading.left }] }
  return { kind: 'changes', folders: [folder], changes, cursor, ...left }
}

/** Of a message that was changed Graph may tell no more than what has changed. One that is gone by now is left out. */
const whole = async (client: GraphClient, items: readonly Item[]): Promise<Listed[]> => {
  const all = await inParallel(
    items,
    AT_ONCE,
    async (item) => listedOf(item) ?? (await described(client, item.id)),
  )
  return all.filter((each) => each !== null)
}

/** A message by its id; null if it is not there. */
export const described = async (
  client: GraphClient,
  id: string,
): Promise<(Listed & { parent: string }) | null> => {
  try {
    const item = (await client.ask({ path: `${messagePath(id)}?${ITEM_QUERY}` })) as Item
    const listed = listedOf(item)
    if (listed === null) throw unavailable('outlook-answer-unknown')
    return { ...listed, parent: item.parentFolderId ?? '' }
  } catch (error) {
    if (isRefusal(error, 404)) return null
    throw inOurWords(error)
  }
}

/** What a filtered delta left out, the newest first, from one instant to the next. */
const readRest = async function* (reading: Reading): AsyncGenerator<ChangeSet> {
  for (let link: string | null = null; reading.at.rest !== null;) {
    const { at, client } = reading
    const page: ItemPage = await client.get<ItemPage>(link ?? restPath(at))
    const there = await whole(client, page.value ?? [])
    const next = page['@odata.nextLink']
    const rest = next === undefined ? null : (there.at(-1)?.receivedAt ?? null)
    // A whole page of one instant: only the link leads past it. Otherwise what shifts meanwhile would be passed over.
    link = next !== undefined && rest === at.rest ? client.pathOf(next) : null
    yield await told(reading, there, { ...at, rest })
  }
}

const restPath = ({ id, since, rest }: Reading['at']): string =>
  `${folderPath(id)}/messages?${ITEM_QUERY}&$top=${PAGE}&$filter=${encodeURIComponent(
    `receivedDateTime ge ${since} and receivedDateTime le ${rest}`,
  )}&$orderby=${encodeURIComponent('receivedDateTime desc')}`
