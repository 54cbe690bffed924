import { sql, type Kysely } from 'kysely'
import {
  MessageFlagsChanged,
  MessageAddedToFolder,
  MessageDraftSynced,
  MessageQuarantined,
  MessageRemovedFromFolder,
  MessageSynced,
} from '../../domain/sync/events.ts'
import { MessageDeleted, MessageRestored } from '../../domain/sync/presence-events.ts'
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

/** What is known to be where in each mailbox; a sync run compares the mailbox with it. */
export const placements = projection({
  name: 'placements',
  version: 3,
  tables: {
    placement,
    /** What was deleted stays deleted, wherever it is found again. */
    deleted: table({ columns: { message_id: text }, key: ['message_id'] }),
  },
  events: [
    MessageSynced,
    MessageDraftSynced,
    MessageAddedToFolder,
    MessageQuarantined,
    MessageFlagsChanged,
    MessageRemovedFromFolder,
    MessageDeleted,
    MessageRestored,
  ],
  fold: (event, rows) => {
    const { accountId, messageId } = event.data
    if (event.type === 'MessageDeleted') return rows.put('deleted', { message_id: messageId })
    if (event.type === 'MessageRestored') return rows.remove('deleted', { message_id: messageId })
    const { folder, ref } = event.data.placement
    const key = { account_id: accountId, folder, ref }
    const put = (flags: string[], quarantined: boolean) =>
      rows.put('placement', { ...key, message_id: messageId, flags, quarantined })
    switch (event.type) {
      case 'MessageSynced':
      case 'MessageDraftSynced':
      case 'MessageAddedToFolder':
        return put(event.data.flags, false)
      case 'MessageQuarantined':
        // Later attempts read the raw form that we keep, and say nothing about the mailbox.
        return event.data.attempts === 1 ? put(event.data.flags, true) : undefined
      case 'MessageFlagsChanged':
        return put(event.data.flags, rows.get('placement', key)?.quarantined ?? false)
      case 'MessageRemovedFromFolder':
        return rows.remove('placement', key)
    }
  },
})

/** A known place of a message in a folder. */
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

/** What is known about these references in a folder. */
export const knownAmong =
  (db: Kysely<unknown>) =>
  async (accountId: string, folder: string, refs: readonly string[]): Promise<KnownPlacement[]> => {
    const rows = await inFolder(db, accountId, folder)
      .where(sql<boolean>`ref = any(${[...refs]}::text[])`)
      .execute()
    return rows.map(toKnown)
  }

/** Which of these messages were deleted, in the order of the ids. */
export const deletedAmong =
  (db: Kysely<unknown>) =>
  async (ids: readonly string[]): Promise<boolean[]> => {
    const rows = await tablesOf(db, placements)
      .selectFrom('deleted')
      .select('message_id')
      .where(sql<boolean>`message_id = any(${[...ids]}::text[])`)
      .execute()
    const deleted = new Set(rows.map(({ message_id }) => message_id))
    return ids.map((id) => deleted.has(id))
  }

/** What is known about a folder below a reference (null: from the highest), highest first by bytes, at most `limit`. */
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
