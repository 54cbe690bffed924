import type { Kysely } from 'kysely'
import { AccountPaused, AccountResumed } from '../../domain/accounts/events.ts'
import { MessageDeleted, MessageRestored, MessageTrashed } from '../../domain/sync/presence-events.ts'
import { projection, table, tablesOf, text, timestamp } from '../projection.ts'

/** To do: deleted messages whose copies are to go into the trash of their mailbox. */
export const copiesToTrash = projection({
  name: 'copies-to-trash',
  version: 1,
  tables: {
    message: table({
      columns: { id: text, account_id: text, deleted_at: timestamp },
      key: ['id'],
      indexes: ['(deleted_at, id)'],
    }),
    paused: table({ columns: { account_id: text }, key: ['account_id'] }),
  },
  events: [MessageDeleted, MessageRestored, MessageTrashed, AccountPaused, AccountResumed],
  fold: (event, rows) => {
    const { accountId: account_id } = event.data
    switch (event.type) {
      case 'AccountPaused':
        return rows.put('paused', { account_id })
      case 'AccountResumed':
        return rows.remove('paused', { account_id })
      case 'MessageDeleted': {
        const { messageId: id, deletedAt: deleted_at, provider } = event.data
        if (provider === 'trash') rows.put('message', { id, account_id, deleted_at })
        return
      }
      case 'MessageRestored':
      case 'MessageTrashed':
        return rows.remove('message', { id: event.data.messageId })
    }
  },
})

/** A deleted message whose copies are still to go into the trash. */
export type CopyToTrash = { readonly id: string; readonly accountId: string; readonly deletedAt: string }

/** Of accounts that are not paused, and not of these, the longest waiting first. */
export const listCopiesToTrash =
  (db: Kysely<unknown>) =>
  async (limit: number, without: readonly string[]): Promise<CopyToTrash[]> =>
    tablesOf(db, copiesToTrash)
      .selectFrom('message')
      .select(['id', 'account_id as accountId', 'deleted_at as deletedAt'])
      .where((of) =>
        of.not(of.exists(of.selectFrom('paused').whereRef('paused.account_id', '=', 'message.account_id'))),
      )
      .$if(without.length > 0, (query) => query.where('account_id', 'not in', without))
      .orderBy('deleted_at')
      .orderBy('id')
      .limit(limit)
      .execute()
