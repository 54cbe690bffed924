import type { ChangeSet, MailChange } from '../../commands/ports/mail-provider.ts'
import { inParallel } from '../../std/in-parallel.ts'
import type { GraphClient } from './client.ts'
import { AT_ONCE } from './gate.ts'
import { allKnown, changeOf, setsOf } from './known.ts'
import { folderPath, ITEM_QUERY, listedOf, type Listed } from './messages.ts'
import type { Reading } from './reading.ts'
import { described, type ItemPage } from './round.ts'
import { unavailable } from './problems.ts'

const PAGE = 1000
/** What is missing is looked up one by one, at most so many a run; the next run goes on. */
const MOST_MISSING = 1000
/** Deltas are to tell all; what they do not tell is found out after a day. */
const EVERY_MS = 86_400_000

const isDue = ({ at, query }: Reading): boolean =>
  query.thorough || !at.isCompared || query.now.getTime() - Date.parse(at.comparedAt ?? '') > EVERY_MS

/** Lists the whole folder and compares what is known with it, where that is due. */
export const compareFolder = async function* (reading: Reading): AsyncGenerator<ChangeSet> {
  if (!isDue(reading)) return
  const { client, folder, query, at, gone } = reading
  const listed = await listAll(client, at.id)
  const known = new Set<string>()
  const missing: string[] = []
  for await (const page of allKnown(query.known, folder.folder)) {
    const flagged: MailChange[] = []
    for (const { ref, flags } of page) {
      known.add(ref)
      const now = listed.get(ref)
      if (now === undefined) missing.push(ref)
      else flagged.push(...changeOf(folder, now, flags))
    }
    yield* setsOf(folder, flagged)
  }
  const isMissed = ({ ref, receivedAt }: Listed): boolean =>
    !known.has(ref) && !reading.told.has(ref) && (at.since === null || receivedAt >= at.since)
  const missed = [...listed.values()].filter(isMissed)
  yield* setsOf(
    folder,
    missed.flatMap((each) => changeOf(folder, each, undefined)),
  )
  const doubted = missing.slice(0, MOST_MISSING)
  for (const ref of await certainlyGone(client, at.id, doubted)) gone.add(ref)
  const isWhole = doubted.length === missing.length
  reading.at = {
    ...reading.at,
    isCompared: isWhole,
    comparedAt: isWhole ? query.now.toISOString() : at.comparedAt,
  }
}

const listAll = async (client: GraphClient, id: string): Promise<Map<string, Listed>> => {
  const all = new Map<string, Listed>()
  for (let path: string | null = `${folderPath(id)}/messages?${ITEM_QUERY}&$top=${PAGE}`; path !== null;) {
    const page: ItemPage = await client.get<ItemPage>(path)
    for (const item of page.value ?? []) {
      const listed = listedOf(item)
      if (listed === null) throw unavailable('outlook-answer-unknown')
      all.set(listed.ref, listed)
    }
    const next = page['@odata.nextLink']
    path = next === undefined ? null : client.pathOf(next)
    if (next !== undefined && path === null) throw unavailable('outlook-answer-unknown')
  }
  return all
}

/** A list that is read in pages passes over something when it gets shorter meanwhile: each is asked for by itself. */
const certainlyGone = async (
  client: GraphClient,
  folderId: string,
  refs: readonly string[],
): Promise<string[]> => {
  const found = await inParallel(refs, AT_ONCE, (ref) => described(client, ref))
  return refs.filter((_, index) => found[index]?.parent !== folderId)
}
