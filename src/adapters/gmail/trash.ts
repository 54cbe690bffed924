import { MailUnavailable, type MailboxSession } from '../../commands/ports/mail-provider.ts'
import type { GmailClient } from './client.ts'
import { COST } from './quota.ts'

/** Gmail takes the whole message into its trash, whatever labels it has. */
export const moveToTrash =
  (client: GmailClient): NonNullable<MailboxSession['moveToTrash']> =>
  async (placements) => {
    const elsewhere = placements.filter(({ role }) => role !== 'trash')
    let moved = 0
    for (const id of new Set(elsewhere.map(({ ref }) => ref))) if (await isTrashed(client, id)) moved += 1
    return { outcome: moved > 0 ? 'moved' : 'none' }
  }

/** @returns false if it was there already, or is gone */
const isTrashed = async (client: GmailClient, id: string): Promise<boolean> => {
  try {
    const { labelIds } = await client.call(COST.get, (users, options) =>
      users.messages.get({ userId: 'me', id, format: 'minimal' }, options),
    )
    if (labelIds?.includes('TRASH')) return false
    await client.call(COST.trash, (users, options) => users.messages.trash({ userId: 'me', id }, options))
    return true
  } catch (error) {
    if (error instanceof MailUnavailable && error.kind === 'gone') return false
    throw error
  }
}
