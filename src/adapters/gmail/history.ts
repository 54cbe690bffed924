import type { gmail_v1 } from '@googleapis/gmail'
import { MailUnavailable, type MailChange } from '../../commands/ports/mail-provider.ts'
import type { Placement } from '../../domain/sync/events.ts'
import type { GmailClient } from './client.ts'
import { FLAG_LABELS, flagsOf, holding, type GmailFolder } from './folders.ts'
import { COST } from './quota.ts'

type Labels = ReadonlySet<string>

/**
 * What one record of the history did to a message. `now`: the labels that it had afterwards, if the record tells them;
 * of a message that was deleted, those that it had before.
 */
type Step = {
  readonly did: 'came' | 'went' | 'changed'
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly now: Labels | null
}

/** `null`: Gmail does not remember what happened since then. */
export type History = {
  readonly steps: ReadonlyMap<string, readonly Step[]>
  readonly historyId: string
} | null

/** Everything that happened since this moment, message by message. */
export const historySince = async (client: GmailClient, startHistoryId: string): Promise<History> => {
  const steps = new Map<string, Step[]>()
  let historyId = startHistoryId
  for (let pageToken: string | null = ''; pageToken !== null;) {
    const at: { pageToken?: string } = pageToken === '' ? {} : { pageToken }
    const page = await pageOf(client, { startHistoryId, ...at })
    if (page === null) return null
    for (const record of page.history ?? [])
      for (const [id, step] of stepsOf(record)) steps.set(id, [...(steps.get(id) ?? []), step])
    historyId = page.historyId ?? historyId
    pageToken = page.nextPageToken ?? null
  }
  return { steps, historyId }
}

const pageOf = async (
  client: GmailClient,
  at: { readonly startHistoryId: string; readonly pageToken?: string },
): Promise<gmail_v1.Schema$ListHistoryResponse | null> => {
  try {
    return await client.call(COST.history, (users, options) =>
      users.history.list({ userId: 'me', maxResults: 500, ...at }, options),
    )
  } catch (error) {
    if (error instanceof MailUnavailable && error.kind === 'gone') return null
    throw error
  }
}

/** By message: a record may be about several, and say several things of one. */
const stepsOf = (record: gmail_v1.Schema$History): Map<string, Step> => {
  const steps = new Map<string, Step>()
  const note = (message: gmail_v1.Schema$Message | undefined, what: Partial<Step>): void => {
    if (!message?.id) return
    const now = message.labelIds ? new Set(message.labelIds) : null
    const before = steps.get(message.id) ?? { did: 'changed', added: [], removed: [] }
    steps.set(message.id, { ...before, ...what, now })
  }
  for (const { message } of record.messagesAdded ?? []) note(message, { did: 'came' })
  for (const { message, labelIds } of record.labelsAdded ?? []) note(message, { added: labelIds ?? [] })
  for (const { message, labelIds } of record.labelsRemoved ?? []) note(message, { removed: labelIds ?? [] })
  for (const { message } of record.messagesDeleted ?? []) note(message, { did: 'went' })
  return steps
}

/**
 * What happened to a message, as changes of the folders in `chosen`. It is worked out backwards from the labels that it
 * has now. Wherever it was in the meantime, it is told to be gone from: a run that died may have read it there.
 */
export const changesOfMessage = (
  id: string,
  steps: readonly Step[],
  labelsNow: Labels | null,
  chosen: readonly GmailFolder[],
): MailChange[] => {
  const last = steps.at(-1)
  const isGone = last === undefined || last.did === 'went' || labelsNow === null
  const end = isGone ? [] : holding(chosen, labelsNow)
  // Of what is gone, and nobody knows where it was, it is said of all folders.
  const known = isGone ? (last?.now ?? null) : labelsNow
  const before = known === null ? [chosen] : foldersBefore(steps, known, chosen)
  const start = before[0] ?? []
  const ever = new Set(before.flat())
  const left = [...ever].filter((folder) => !end.includes(folder))
  const stayed = end.filter((folder) => before.every((folders) => folders.includes(folder)))
  const reached = end.filter((folder) => !stayed.includes(folder))
  const place = ({ folder, role }: GmailFolder): Placement => ({ folder, role, ref: id })
  const flags = flagsOf(labelsNow ?? new Set())
  const from = left.filter((folder) => start.includes(folder))
  const moves = reached
    .slice(0, from.length)
    .map((to, index): [GmailFolder, GmailFolder] => [from[index]!, to])
  const isFlagged = steps.some(({ added, removed }) =>
    [...added, ...removed].some((label) => FLAG_LABELS.includes(label)),
  )
  return [
    ...reached.slice(moves.length).map((folder): MailChange => ({ kind: 'added', placement: place(folder) })),
    ...moves.map(([a, b]): MailChange => ({ kind: 'moved', from: place(a), to: place(b), flags })),
    ...(isFlagged ? stayed : []).map((folder): MailChange => ({
      kind: 'flagged',
      placement: place(folder),
      flags,
    })),
    ...left
      .filter((folder) => !moves.some(([a]) => a === folder))
      .map((folder): MailChange => ({ kind: 'gone', placement: place(folder) })),
  ]
}

/** The folders that it was in before each of the steps, given its labels after the last (before, if that deleted it). */
const foldersBefore = (
  steps: readonly Step[],
  known: Labels,
  chosen: readonly GmailFolder[],
): (readonly GmailFolder[])[] => {
  const before: (readonly GmailFolder[])[] = []
  let labels = known
  for (const { did, added, removed } of steps.toReversed()) {
    if (did !== 'went') labels = labels.difference(new Set(added)).union(new Set(removed))
    before.unshift(did === 'came' ? [] : holding(chosen, labels))
  }
  return before
}
