import { z } from 'zod'
import { folderRole } from '../../domain/mail.ts'
import type { SyncCursor } from '../../domain/sync/events.ts'

/**
 * How far a folder has been read, and the role that it had then. `since`, `scannedAt` in RFC 3339. `modseq`: up to where
 * changes of flags have been told (RFC 7162), null where the server numbers none. `plan.ts` says what the others are for.
 */
const folderCursor = z.object({
  role: folderRole.nullable(),
  modseq: z.string().nullable(),
  uidValidity: z.string(),
  uidNext: z.int(),
  since: z.string().nullable(),
  backfilledTo: z.int().nullable(),
  backfillDone: z.boolean(),
  messages: z.int().nullable(),
  scannedAt: z.string().nullable(),
})
export type FolderCursor = z.infer<typeof folderCursor>

/** The folder's cursor; undefined for a text that is not one of ours, so that the folder is read anew. */
export const readCursor = (at: string): FolderCursor | undefined => {
  try {
    return folderCursor.safeParse(JSON.parse(at)).data
  } catch {
    return undefined
  }
}

export const writeCursor = (folder: string, cursor: FolderCursor): SyncCursor => ({
  scope: folder,
  at: JSON.stringify(folderCursor.parse(cursor)),
})

// A message is named by UIDVALIDITY and UID (RFC 9051 2.3.1.1), both of 32 bits: written so that the order of the texts
// is theirs.
const REF = /^(\d{10})\.(\d{10})$/

export const refOf = (uidValidity: string, uid: number): string =>
  `${uidValidity.padStart(10, '0')}.${String(uid).padStart(10, '0')}`

/** The UID of a reference; null under another UIDVALIDITY, where it names nothing any more. */
export const uidIn = (ref: string, uidValidity: string): number | null => {
  const [, validity, uid] = REF.exec(ref) ?? []
  return validity !== undefined && validity === uidValidity.padStart(10, '0') ? Number(uid) : null
}
