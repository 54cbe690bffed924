import { sql, type Kysely } from 'kysely'
import {
  MessageFlagsChanged,
  MessageAddedToFolder,
  MessageDraftSynced,
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

/** What is known to be where in each mailbox; a sync run compares the mailbox with it. */
export const placements = projection({
  name: 'placements',
  version: 2,
  tables: { placement },
  events: [
    MessageSynced,
    MessageDraftSynced,
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
