import { sql, type RawBuilder } from 'kysely'
import type { Visibility } from '../../domain/visibility.ts'
import type { VisibilityDeps, Visible } from '../projection.ts'
import type { MessageRow } from './message-row.ts'

/**
 * What somebody sees of an account's messages: `others` of each, and all of those that are `own`, the user's: what they
 * sent from it and the answers to it. Null: none are.
 */
export type Sight = { readonly others: Visibility; readonly own: string | null }
export type SightDeps = Pick<VisibilityDeps, 'visibilityOf' | 'sendOnlyAccounts'>

export const sightOf = async (
  { visibilityOf, sendOnlyAccounts }: SightDeps,
  accountId: string,
  userId: string | null,
): Promise<Sight> => {
  const others = await visibilityOf(accountId, userId)
  const isSendOnly = others !== 'everything' && (await sendOnlyAccounts(userId)).includes(accountId)
  return { others, own: isSendOnly ? userId : null }
}

/** How much of a message is seen; null: nothing. */
export const levelIn = ({ others, own }: Sight, { of_user }: Pick<MessageRow, 'of_user'>): Visible | null => {
  if (own !== null && of_user === own) return 'everything'
  return others === 'nothing' ? null : others
}

/** Whether anything of a `message` is seen, in SQL. */
export const isIn = ({ others, own }: Sight): RawBuilder<boolean> =>
  others === 'nothing' ? sql<boolean>`message.of_user = ${own}` : sql<boolean>`true`
