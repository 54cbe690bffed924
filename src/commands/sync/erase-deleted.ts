import { presence, presenceStream } from '../../domain/sync/presence.ts'
import { systemCaller, type Handle } from '../handle.ts'
import type { BlobStore } from '../ports/blobs.ts'
import type { Clock } from '../ports/clock.ts'
import type { MessageTexts } from '../ports/message-texts.ts'

const PAGE = 100
const AT_ONCE = 500
const DAY_MS = 24 * 3_600_000
/** What was put more recently may be referred to by an event that is still to come. */
const UNSETTLED_MS = DAY_MS
/** For so long it is looked whether bytes remained: that a process died meanwhile, or they had been put again. */
const LOOK_BACK_MS = 7 * DAY_MS

export type EraseDeps = {
  readonly handle: Handle
  readonly clock: Clock
  readonly blobs: Pick<BlobStore, 'erase'>
  readonly texts: Pick<MessageTexts, 'remove'>
  readonly retentionDays: number
  readonly deletedWithBytes: (before: string, limit: number) => Promise<readonly string[]>
  readonly bytesOfNobody: (since: string, putBefore: string, limit: number) => Promise<readonly string[]>
  readonly textsOfNobody: (since: string, limit: number) => Promise<readonly string[]>
  /** Waits until it is known what everything in the log so far refers to; false if that takes too long. */
  readonly catchUp: () => Promise<boolean>
}

/**
 * Erases the bytes and the words of messages that were deleted long ago, as far as nothing else has the same bytes. It is
 * recorded first, so that nobody restores what is being erased; what a process that died left behind is found again.
 */
export const eraseDeleted = (deps: EraseDeps) => async (): Promise<boolean> => {
  const now = deps.clock().getTime()
  const ago = (ms: number): string => new Date(now - ms).toISOString()
  const before = ago(deps.retentionDays * DAY_MS)
  const due = await deps.deletedWithBytes(before, PAGE)
  for (const id of due) {
    const caller = systemCaller('erase', deps.clock, id)
    await deps.handle(presence, presenceStream(id), { do: 'erase', before }, caller)
  }
  if (!(await deps.catchUp())) return false
  const [since, putBefore] = [ago(LOOK_BACK_MS), ago(UNSETTLED_MS)]
  await deps.texts.remove(await deps.textsOfNobody(since, AT_ONCE))
  const hashes = await deps.bytesOfNobody(since, putBefore, AT_ONCE)
  await deps.blobs.erase(hashes, putBefore)
  return due.length === PAGE || hashes.length === AT_ONCE
}
