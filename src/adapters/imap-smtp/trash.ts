import { noTrash, type MailboxSession } from '../../commands/ports/mail-provider.ts'
import type { ImapSession } from './imap.ts'

/** Into the folder that has the role; what lies in a folder inside it is in the trash already. */
export const moveToTrash =
  (session: ImapSession): NonNullable<MailboxSession['moveToTrash']> =>
  async (placements) => {
    const folders = await session.folders()
    const inTrash = folders.filter(({ role }) => role === 'trash')
    const [trash] = inTrash.filter(({ opens }) => opens).toSorted((a, b) => a.folder.length - b.folder.length)
    if (!trash) return { outcome: 'impossible', code: noTrash.code }
    let moved = 0
    for (const [folder, there] of Map.groupBy(placements, (placement) => placement.folder)) {
      const listed = folders.find((each) => each.folder === folder)
      if (!listed?.opens || listed.role === 'trash') continue
      const refs = there.map(({ ref }) => ref)
      moved += await session.move(folder, refs, trash.folder)
    }
    return { outcome: moved > 0 ? 'moved' : 'none' }
  }
