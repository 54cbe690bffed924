import { z } from 'zod'
import type { SyncCursor } from '../../domain/sync/events.ts'

const SCOPE = 'mailbox'

/**
 * How far a mailbox has been read: up to a moment in Gmail's history, all that was received since `since` (null: ever)
 * in the folders that are `listed`, under their names of then.
 */
const cursor = z.object({
  historyId: z.string().min(1),
  since: z.string().nullable(),
  listed: z.array(z.object({ id: z.string(), folder: z.string() })),
})
export type Cursor = z.infer<typeof cursor>

/** Null for one that is not ours. */
export const readCursor = (cursors: readonly SyncCursor[]): Cursor | null => {
  const at = cursors.find(({ scope }) => scope === SCOPE)?.at
  try {
    return cursor.safeParse(JSON.parse(at ?? 'null')).data ?? null
  } catch {
    return null
  }
}

export const cursorAt = (at: Cursor): SyncCursor => ({ scope: SCOPE, at: JSON.stringify(cursor.parse(at)) })
