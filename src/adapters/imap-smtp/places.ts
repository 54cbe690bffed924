import { z } from 'zod'
import { folderRole } from '../../domain/mail.ts'
import type { SyncCursor } from '../../domain/sync/events.ts'

/**
 * How far a folder has been read, and the role it had then. `since`, `scannedAt` in RFC 3339. `modseq`: up to which
 * number flag changes have been reported (RFC 7162); null if the server numbers none. `plan.ts` explains the others.
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

/** The folder's cursor; undefined if the text is not one of ours, so that the folder is read from the start. */
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

// A message is named by UIDVALIDITY and UID (RFC 9051 2.3.1.1), 32 bits each, written so that texts sort like numbers.
const REF = /^(\d{10})\.(\d{10})$/

export const refOf = (uidValidity: string, uid: number): string =>
  `${uidValidity.padStart(10, '0')}.${String(uid).padStart(10, '0')}`

/** The UID of a reference; null under another UIDVALIDITY, where it no longer names anything. */
export const uidIn = (ref: string, uidValidity: string): number | null => {
  const [, validity, uid] = REF.exec(ref) ?? []
  return validity !== undefined && validity === uidValidity.padStart(10, '0') ? Number(uid) : null
}
