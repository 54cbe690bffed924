import { z } from 'zod'
import { folderRole } from '../../domain/mail.ts'
import type { SyncCursor } from '../../domain/sync/events.ts'

/**
 * How far a folder has been read. `id` is the folder's; `link` is the path that Graph gave for going on, and null where
 * the folder was taken away. `since`: the window of the first round. `isListing`: that round is not over. `rest`: what
 * the first round did not list has been listed down to this instant; null where it listed all. `isCompared`: what is
 * known of the folder has been compared with it, last at `comparedAt`.
 */
const folderCursor = z.object({
  id: z.string(),
  role: folderRole.nullable(),
  since: z.iso.datetime().nullable(),
  link: z.string().startsWith('/').nullable(),
  isListing: z.boolean(),
  oldest: z.iso.datetime().nullable(),
  listed: z.int(),
  rest: z.iso.datetime().nullable(),
  isCompared: z.boolean(),
  comparedAt: z.iso.datetime().nullable(),
})
export type FolderCursor = Readonly<z.infer<typeof folderCursor>>

/** Null if it is none of ours. */
export const readCursor = (at: string): FolderCursor | null => {
  try {
    return folderCursor.safeParse(JSON.parse(at)).data ?? null
  } catch {
    return null
  }
}

export const writeCursor = (folder: string, at: FolderCursor): SyncCursor => ({
  scope: folder,
  at: JSON.stringify(at),
})
