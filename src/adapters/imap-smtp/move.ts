import type { ImapFlow } from 'imapflow'
import { flagsAt } from './flag-reading.ts'
import { messageLimit } from './message-limit.ts'
import { uidIn } from './places.ts'
import { unavailable } from './problems.ts'
import { batches, sequence } from './uid-sets.ts'

/**
 * Moves those messages of a folder that are still there to another folder (RFC 6851). Without MOVE they are copied, and
 * then removed by their UIDs (RFC 4315): an EXPUNGE without them would delete what others have marked for it.
 * @returns how many
 */
export const moveMessages = async (
  client: ImapFlow,
  path: string,
  refs: readonly string[],
  to: string,
): Promise<number> => {
  if (!client.capabilities.has('MOVE') && !client.capabilities.has('UIDPLUS'))
    throw unavailable('move-not-offered')
  const box = await client.mailboxOpen(path)
  const uids = refs.flatMap((ref) => uidIn(ref, String(box.uidValidity)) ?? [])
  const there = uids.length === 0 ? [] : await flagsAt(client, uids)
  const found = there.map(({ uid }) => uid)
  for (const batch of batches(found, messageLimit(client)))
    if (!(await client.messageMove(sequence(batch), to, { uid: true }))) throw unavailable('move-refused')
  return found.length
}
