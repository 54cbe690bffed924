import { noTrash, type MailboxSession } from '../../commands/ports/mail-provider.ts'
import { inOurWords, isRefusal, type GraphClient } from './client.ts'
import type { OutlookFolder } from './folders.ts'
import { messagePath } from './messages.ts'
import { described } from './round.ts'

/** Moves messages into Deleted Items; their ids stay. */
export const moveToTrash =
  (
    client: GraphClient,
    folders: () => Promise<readonly OutlookFolder[]>,
  ): NonNullable<MailboxSession['moveToTrash']> =>
  async (placements) => {
    const trash = (await folders()).find(({ role }) => role === 'trash')
    if (!trash) return { outcome: 'impossible', code: noTrash.code }
    let moved = 0
    for (const id of new Set(placements.map(({ ref }) => ref)))
      if (await isMoved(client, id, trash)) moved += 1
    return { outcome: moved > 0 ? 'moved' : 'none' }
  }

/** @returns false if it was there already, or is gone */
const isMoved = async (client: GraphClient, id: string, trash: OutlookFolder): Promise<boolean> => {
  const found = await described(client, id)
  if (found === null || found.parent === trash.id) return false
  try {
    await client.ask({ method: 'POST', path: `${messagePath(id)}/move`, body: { destinationId: trash.id } })
    return true
  } catch (error) {
    if (isRefusal(error, 404)) return false
    throw inOurWords(error)
  }
}
