import type {
  ChangesQuery,
  ChangeSet,
  KnownPlace,
  MailChange,
  MailFolder,
} from '../../../src/commands/ports/mail-provider.ts'
import { problemOf, type LabelMailClient } from './client.ts'
import type { Entry } from './mailbox.ts'

/** `token` is where the service's past has been read to; `listed` are the labels whose messages have all been told. */
type At = { readonly token: string; readonly since: string | null; readonly listed: readonly string[] }
type Past = { readonly entries: Entry[]; readonly token: string }
type Listed = { readonly id: string; readonly receivedAt: string; readonly flags: string[] }

const readAt = (query: ChangesQuery): At | null => {
  const [cursor] = query.cursors
  try {
    const at = JSON.parse(cursor?.at ?? '') as Partial<At>
    const { token, since = null, listed } = at
    return typeof token === 'string' && Array.isArray(listed) ? { token, since, listed } : null
  } catch {
    return null
  }
}

const cursorAt = (at: At) => ({ scope: 'mailbox', at: JSON.stringify(at) })

const isEarlier = (a: string | null, b: string | null): boolean => b !== null && (a === null || a < b)

/** Reads on in the past; where that is forgotten, every label is listed and compared with what is known. */
export const changesOf = async function* (
  client: LabelMailClient,
  labels: readonly MailFolder[],
  query: ChangesQuery,
): AsyncGenerator<ChangeSet> {
  const chosen = query.roles.flatMap((role) => labels.filter((label) => label.role === role))
  const since = query.since?.toISOString() ?? null
  const before = readAt(query)
  let at = before === null ? null : yield* readOn(client, chosen, labels, before)
  const isAnew = at === null && query.cursors.length > 0
  if (at === null || isEarlier(since, at.since)) {
    const token = at?.token ?? (await client.get<{ token: string }>('moment'))?.token ?? ''
    at = { token, since, listed: [] }
  }
  const compared = isAnew || query.thorough
  const gone: ChangeSet[] = []
  for (const label of chosen) {
    const { folder } = label
    if (at.listed.includes(folder) && !compared) continue
    const { sets, missing } = await readLabel(client, label, query, at.since, compared)
    at = { ...at, listed: [...new Set([...at.listed, folder])] }
    yield* sets
    gone.push(...missing)
    if (!compared) yield { kind: 'changes', folders: [label], changes: [], cursor: cursorAt(at) }
  }
  yield* gone
  const cursor = cursorAt(at)
  const isNews = cursor.at !== (before === null ? null : cursorAt(before).at)
  yield { kind: 'changes', folders: chosen, changes: [], cursor: isNews ? cursor : null }
}

/** @returns where it came to; null where the service has forgotten that moment */
const readOn = async function* (
  client: LabelMailClient,
  chosen: readonly MailFolder[],
  labels: readonly MailFolder[],
  from: At,
): AsyncGenerator<ChangeSet, At | null> {
  for (let at = from; ;) {
    const heard = await client.hear('GET', `history?since=${encodeURIComponent(at.token)}`)
    if (heard !== 'lost' && heard.status === 410) return null
    if (heard === 'lost' || heard.status !== 200) throw problemOf(heard)
    const { entries, token } = heard.json as Past
    if (entries.length === 0) return at
    at = { ...at, token }
    const changes = entries.flatMap((entry) => changesBy(entry, chosen, labels))
    yield { kind: 'changes', folders: chosen, changes, cursor: cursorAt(at) }
  }
}

const changesBy = (
  entry: Entry,
  chosen: readonly MailFolder[],
  labels: readonly MailFolder[],
): MailChange[] => {
  const placed = (label: string) =>
    chosen
      .filter(({ folder }) => folder === label)
      .map(({ folder, role }) => ({ folder, role, ref: entry.id }))
  switch (entry.did) {
    case 'label':
      return placed(entry.label).map((placement) => ({ kind: 'added', placement }))
    case 'unlabel': {
      const { label, id } = entry
      // A label that was taken away altogether may have been read before.
      const isThere = labels.some(({ folder }) => folder === label)
      const places = isThere ? placed(label) : [{ folder: label, role: null, ref: id }]
      return places.map((placement) => ({ kind: 'gone', placement }))
    }
    case 'flag':
      return entry.labels
        .flatMap(placed)
        .map((placement) => ({ kind: 'flagged', placement, flags: entry.flags }))
    case 'move': {
      const [[from], [to]] = [placed(entry.from), placed(entry.to)]
      if (from && to) return [{ kind: 'moved', from, to, flags: entry.flags }]
      if (to) return [{ kind: 'added', placement: to }]
      return from ? [{ kind: 'gone', placement: from }] : []
    }
  }
}

/** All messages of a label: those of the window are told; compared with what is known, also what is gone or flagged anew. */
const readLabel = async (
  client: LabelMailClient,
  label: MailFolder,
  { known }: ChangesQuery,
  since: string | null,
  compared: boolean,
): Promise<{ sets: ChangeSet[]; missing: ChangeSet[] }> => {
  const listed = new Map<string, Listed>()
  for (let next: string | null = ''; next !== null;) {
    const path: string = `messages?label=${encodeURIComponent(label.folder)}&after=${next}`
    const page: { messages: Listed[]; next: string | null } | null = await client.get(path)
    for (const each of page?.messages ?? []) listed.set(each.id, each)
    next = page?.next ?? null
  }
  const placement = (ref: string) => ({ ...label, ref })
  const added = [...listed.values()]
    .filter(({ receivedAt }) => since === null || receivedAt >= since)
    .map(({ id }): MailChange => ({ kind: 'added', placement: placement(id) }))
  const places = compared ? await allKnown(known, label.folder) : []
  const flagged = places.flatMap(({ ref, flags }): MailChange[] => {
    const now = listed.get(ref)?.flags ?? null
    const isSame = now === null || now.join(' ') === flags.toSorted().join(' ')
    return isSame ? [] : [{ kind: 'flagged', placement: placement(ref), flags: now }]
  })
  const missing = places
    .filter(({ ref }) => !listed.has(ref))
    .map(({ ref }): MailChange => ({ kind: 'gone', placement: placement(ref) }))
  return { sets: inSets(label, [...added, ...flagged]), missing: inSets(label, missing) }
}

const inSets = (label: MailFolder, changes: readonly MailChange[]): ChangeSet[] =>
  Array.from({ length: Math.ceil(changes.length / 100) }, (_, index) => ({
    kind: 'changes',
    folders: [label],
    changes: changes.slice(index * 100, index * 100 + 100),
    cursor: null,
  }))

const allKnown = async (known: ChangesQuery['known'], folder: string): Promise<KnownPlace[]> => {
  const all: KnownPlace[] = []
  for (;;) {
    const page = await known.page(folder, all.at(-1)?.ref ?? null, 500)
    all.push(...page)
    if (page.length < 500) return all
  }
}
