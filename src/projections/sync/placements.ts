import { sql, type Kysely } from 'kysely'
import {
  MessageFlagsChanged,
  MessageAddedToFolder,
  MessageQuarantined,
  MessageRemovedFromFolder,
  MessageSynced,
} from '../../domain/sync/events.ts'
import { boolean, json, projection, table, tablesOf, text, type RowOf } from '../projection.ts'

const placement = table({
  columns: {
    account_id: text,
    folder: text,
    ref: text,
    message_id: text,
    flags: json<string[]>(),
    quarantined: boolean,
  },
  key: ['account_id', 'folder', 'ref'],
})

/** What lies where in each mailbox, as far as it is known: what a sync run compares the mailbox with. */
export const placements = projection({
  name: 'placements',
  version: 1,
  tables: { placement },
  events: [
    MessageSynced,
    MessageAddedToFolder,
    MessageQuarantined,
    MessageFlagsChanged,
    MessageRemovedFromFolder,
  ],
  fold: (event, rows) => {
    const { accountId, messageId } = event.data
    const { folder, ref } = event.data.placement
    const key = { account_id: accountId, folder, ref }
    const put = (flags: string[], quarantined: boolean) =>
      rows.put('placement', { ...key, message_id: messageId, flags, quarantined })
    switch (event.type) {
      case 'MessageSynced':
      case 'MessageAddedToFolder':
        return put(event.data.flags, false)
      case 'MessageQuarantined':
        // Later attempts are made on the raw form that we keep, and say nothing of the mailbox.
        return event.data.attempts === 1 ? put(event.data.flags, true) : undefined
      case 'MessageFlagsChanged':
        return put(event.data.flags, rows.get('placement', key)?.quarantined ?? false)
      case 'MessageRemovedFromFolder':
        return rows.remove('placement', key)
    }
  },
})

/** Where a message is known to lie in a folder. */
export type KnownPlacement = {
  ref: string
  messageId: string
  flags: readonly string[]
  quarantined: boolean
}

const toKnown = ({ ref, message_id: messageId, flags, quarantined }: RowOf<typeof placement>) => ({
  ref,
  messageId,
  flags,
  quarantined,
})

const inFolder = (db: Kysely<unknown>, accountId: string, folder: string) =>
  tablesOf(db, placements)
    .selectFrom('placement')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('folder', '=', folder)

/** What is known of these references in a folder. */
export const knownAmong =
  (db: Kysely<unknown>) =>
  async (accountId: string, folder: string, refs: readonly string[]): Promise<KnownPlacement[]> => {
    const rows = await inFolder(db, accountId, folder)
      .where(sql<boolean>`ref = any(${[...refs]}::text[])`)
      .execute()
    return rows.map(toKnown)
  }

/** What is known of a folder below a reference (null: from the highest), the highest first, at most `limit`; by bytes. */
export const knownPage =
  (db: Kysely<unknown>) =>
  async (
    accountId: string,
    folder: string,
    below: string | null,
    limit: number,
  ): Promise<KnownPlacement[]> => {
    const rows = await inFolder(db, accountId, folder)
      .$if(below !== null, (query) => query.where('ref', '<', below))
      .orderBy('ref', 'desc')
      .limit(limit)
      .execute()
    return rows.map(toKnown)
  }
