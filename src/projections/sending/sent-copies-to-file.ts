import { sql, type Kysely } from 'kysely'
import {
  AccountConnected,
  AccountConnectionChanged,
  AccountPaused,
  AccountResumed,
} from '../../domain/accounts/events.ts'
import { EmailSent, SentCopyFiled } from '../../domain/sending/events.ts'
import { MessageSynced } from '../../domain/sync/events.ts'
import { boolean, nullable, projection, table, tablesOf, text, timestamp } from '../projection.ts'

const email = table({
  columns: {
    id: text,
    account_id: text,
    sent_at: timestamp,
    /** A copy was found in the Sent folder. */
    met: boolean,
  },
  key: ['id'],
  indexes: ['(account_id, sent_at)'],
})

const tables = {
  email,
  account: table({
    columns: {
      account_id: text,
      paused: boolean,
      /** The mailbox files copies by itself: its host is known to, or its emails have shown it. Null: not known yet. */
      files_copies: nullable(boolean),
      is_known_host: boolean,
    },
    key: ['account_id'],
  }),
  /** The copy of each email that was found first in a Sent folder; a second one is the mailbox's own. */
  copy: table({ columns: { id: text, message_id: text }, key: ['id'] }),
}

/** To do: sent emails without a known copy in the Sent folder. */
export const sentCopiesToFile = projection({
  name: 'sent-copies-to-file',
  version: 3,
  tables,
  events: [
    EmailSent,
    SentCopyFiled,
    MessageSynced,
    AccountConnected,
    AccountConnectionChanged,
    AccountPaused,
    AccountResumed,
  ],
  fold: (event, rows) => {
    const { accountId: account_id } = event.data
    const change = (what: { paused?: boolean; files_copies?: boolean | null; is_known_host?: boolean }) => {
      const before = rows.get('account', { account_id }) ?? newAccount(account_id)
      rows.put('account', { ...before, ...what })
    }
    switch (event.type) {
      case 'EmailSent': {
        if (!event.data.first) return
        const { outgoingId: id, sentAt: sent_at } = event.data
        return rows.put('email', { id, account_id, sent_at, met: rows.get('copy', { id }) !== undefined })
      }
      case 'MessageSynced': {
        const { outgoingId: id, messageId: message_id, placement } = event.data
        if (id === null || placement.role !== 'sent') return
        const met = rows.get('copy', { id })
        if (met && met.message_id !== message_id) change({ files_copies: true })
        if (!met) rows.put('copy', { id, message_id })
        const waiting = rows.get('email', { id })
        if (waiting) rows.put('email', { ...waiting, met: true })
        return
      }
      case 'SentCopyFiled': {
        rows.remove('email', { id: event.data.outgoingId })
        if (event.data.outcome === 'found') change({ files_copies: true })
        const isKnownHost = rows.get('account', { account_id })?.is_known_host === true
        if (event.data.outcome === 'filed' && !isKnownHost) change({ files_copies: false })
        return
      }
      case 'AccountConnected':
      case 'AccountConnectionChanged': {
        const isKnownHost = event.data.filesCopies === true
        return change({
          is_known_host: isKnownHost,
          files_copies: isKnownHost ? true : null,
          ...(event.type === 'AccountConnected' && { paused: false }),
        })
      }
      case 'AccountPaused':
      case 'AccountResumed':
        return change({ paused: event.type === 'AccountPaused' })
    }
  },
})

const newAccount = (account_id: string) => ({
  account_id,
  paused: false,
  files_copies: null,
  is_known_host: false,
})

/** How long to wait for a mailbox to file a copy by itself, in seconds. */
export type CopyWaits = {
  /** If it is known to do so. */
  readonly filing: number
  /** If nothing is known yet: its first email will show. */
  readonly unknown: number
  /** If it has left the copy to us before. */
  readonly other: number
}

/**
 * Up to `limit` emails of each account that is not paused, oldest first. Mailboxes that file copies by themselves are
 * given time to do so.
 */
export const copiesToFile =
  (db: Kysely<unknown>) =>
  async (limit: number, waits: CopyWaits): Promise<{ accountId: string; ids: string[] }[]> => {
    const numbered = tablesOf(db, sentCopiesToFile)
      .selectFrom('email')
      .leftJoin('account', 'account.account_id', 'email.account_id')
      .where(sql<boolean>`paused is not true`)
      .where('sent_at', '<=', sql<string>`clock_timestamp() - ${waitOf(waits)} * interval '1 second'`)
      .select([
        'email.account_id',
        'id',
        sql<number>`row_number() over (partition by email.account_id order by sent_at, id)`.as('nth'),
      ])
    const rows = await tablesOf(db, sentCopiesToFile)
      .selectFrom(numbered.as('numbered'))
      .select(['account_id', 'id'])
      .where('nth', '<=', limit)
      .orderBy('account_id')
      .orderBy('nth')
      .execute()
    const byAccount = Map.groupBy(rows, (row) => row.account_id)
    return [...byAccount].map(([accountId, of]) => ({ accountId, ids: of.map(({ id }) => id) }))
  }

const waitOf = ({ filing, unknown, other }: CopyWaits) =>
  sql`case when met then 0 when files_copies then ${filing}::int when files_copies is null then ${unknown}::int else ${other}::int end`
