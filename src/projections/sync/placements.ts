import { sql, type Kysely } from 'kysely'
import {
  MessageFlagsChanged,
  MessageAddedToFolder,
  MessageQuarantined,
  MessageRemovedFromFolder,
  MessageSynced,
} from '../../domain/sync/events.ts'
import { boolean, integer, json, projection, table, tablesOf, text, type RowOf } from '../projection.ts'

const placement = table({
  columns: {
    account_id: text,
    folder: text,
    uid_validity: text,
    uid: integer,
    message_id: text,
    flags: json<string[]>(),
    quarantined: boolean,
  },
  key: ['account_id', 'folder', 'uid_validity', 'uid'],
})

/** What lies where in each mailbox, as far as it is known: what a sync run compares the server's view with. */
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
    const { folder, uidValidity, uid } = event.data.placement
    const key = { account_id: accountId, folder, uid_validity: uidValidity, uid }
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
export type KnownPlace = {
  uidValidity: string
  uid: number
  messageId: string
  flags: readonly string[]
  quarantined: boolean
}

const toKnown = (row: RowOf<typeof placement>): KnownPlace => ({
  uidValidity: row.uid_validity,
  uid: row.uid,
  messageId: row.message_id,
  flags: row.flags,
  quarantined: row.quarantined,
})

const inFolder = (db: Kysely<unknown>, accountId: string, folder: string) =>
  tablesOf(db, placements)
    .selectFrom('placement')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('folder', '=', folder)

/** What is known of these UIDs. */
export const knownAmong = async (
  db: Kysely<unknown>,
  folder: { accountId: string; folder: string; uidValidity: string },
  uids: readonly number[],
): Promise<KnownPlace[]> => {
  const rows = await inFolder(db, folder.accountId, folder.folder)
    .where('uid_validity', '=', folder.uidValidity)
    .where(sql<boolean>`uid = any(${[...uids]}::integer[])`)
    .execute()
  return rows.map(toKnown)
}

/** What is known of a folder below a UID, newest first, at most `limit`. */
export const knownBelow = async (
  db: Kysely<unknown>,
  folder: { accountId: string; folder: string; uidValidity: string },
  below: number,
  limit: number,
): Promise<KnownPlace[]> => {
  const rows = await inFolder(db, folder.accountId, folder.folder)
    .where('uid_validity', '=', folder.uidValidity)
    .where('uid', '<', below)
    .orderBy('uid', 'desc')
    .limit(limit)
    .execute()
  return rows.map(toKnown)
}

/** What is known under another UIDVALIDITY than the folder's own, behind `after`, at most `limit`. */
export const knownOfOld = async (
  db: Kysely<unknown>,
  folder: { accountId: string; folder: string; uidValidity: string },
  after: KnownPlace | null,
  limit: number,
): Promise<KnownPlace[]> => {
  const rows = await inFolder(db, folder.accountId, folder.folder)
    .where('uid_validity', '<>', folder.uidValidity)
    .$if(after !== null, (query) =>
      query.where(sql<boolean>`(uid_validity, uid) > (${after!.uidValidity}, ${after!.uid})`),
    )
    .orderBy('uid_validity')
    .orderBy('uid')
    .limit(limit)
    .execute()
  return rows.map(toKnown)
}
