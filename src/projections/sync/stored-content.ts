import { sql, type Kysely } from 'kysely'
import { DraftSaved, EmailQueued } from '../../domain/sending/events.ts'
import {
  MessageDraftSynced,
  MessageQuarantined,
  MessageSynced,
  QuarantinedMessageReleased,
} from '../../domain/sync/events.ts'
import { MessageBytesErased, MessageDeleted, MessageRestored } from '../../domain/sync/presence-events.ts'
import { nullable, projection, schemaOf, table, tablesOf, text, timestamp } from '../projection.ts'

/** What refers to which stored bytes, and which messages need theirs no more. To do: deleted messages that have some. */
export const storedContent = projection({
  name: 'stored-content',
  version: 1,
  tables: {
    /** `holder`: a message by its id; an email, whatever becomes of it as a message, as `email:out_…`. */
    use: table({
      columns: { hash: text, holder: text },
      key: ['hash', 'holder'],
      indexes: ['(holder)'],
    }),
    /** Deleted messages, and those that continue under another id; from `gone_at` on they hold nothing. */
    absent: table({
      columns: { id: text, deleted_at: nullable(timestamp), gone_at: nullable(timestamp) },
      key: ['id'],
      indexes: ['(deleted_at, id) WHERE gone_at IS NULL', '(gone_at)'],
    }),
  },
  events: [
    MessageSynced,
    MessageDraftSynced,
    MessageQuarantined,
    QuarantinedMessageReleased,
    DraftSaved,
    EmailQueued,
    MessageDeleted,
    MessageRestored,
    MessageBytesErased,
  ],
  fold: (event, rows) => {
    const hold = (holder: string, hashes: readonly string[]): void => {
      for (const hash of hashes) rows.put('use', { hash, holder })
    }
    const occurredAt = event.metadata.occurredAt
    switch (event.type) {
      case 'MessageSynced':
      case 'MessageDraftSynced': {
        const { outgoingId, messageId, raw, attachments } = event.data
        return hold(outgoingId ?? messageId, [raw, ...attachments.map(({ blob }) => blob)])
      }
      case 'MessageQuarantined':
        return hold(event.data.messageId, [event.data.raw])
      case 'QuarantinedMessageReleased':
        return rows.put('absent', { id: event.data.messageId, deleted_at: null, gone_at: occurredAt })
      case 'DraftSaved': {
        const { outgoingId, draft } = event.data
        return hold(
          emailHolder(outgoingId),
          draft.attachments.map(({ blob }) => blob),
        )
      }
      case 'EmailQueued': {
        const { outgoingId, attachments, mime, copy } = event.data
        const files = attachments.map(({ blob }) => blob)
        return hold(emailHolder(outgoingId), [mime.blob, copy.blob, ...files])
      }
      case 'MessageDeleted': {
        const { messageId: id, deletedAt: deleted_at } = event.data
        return rows.put('absent', { id, deleted_at, gone_at: null })
      }
      case 'MessageRestored':
        return rows.remove('absent', { id: event.data.messageId })
      case 'MessageBytesErased': {
        const { messageId: id } = event.data
        const before = rows.get('absent', { id })
        return rows.put('absent', { id, deleted_at: before?.deleted_at ?? null, gone_at: occurredAt })
      }
    }
  },
})

const emailHolder = (outgoingId: string): string => `email:${outgoingId}`

/** Messages that were deleted before an instant and still have their bytes, the longest deleted first. */
export const deletedWithBytes =
  (db: Kysely<unknown>) =>
  async (before: string, limit: number): Promise<string[]> => {
    const rows = await tablesOf(db, storedContent)
      .selectFrom('absent')
      .select('id')
      .where('gone_at', 'is', null)
      .where('deleted_at', '<=', before)
      .orderBy('deleted_at')
      .orderBy('id')
      .limit(limit)
      .execute()
    return rows.map(({ id }) => id)
  }

/**
 * The stored bytes of messages that hold nothing any more since then, as far as nothing else refers to the same and they
 * were last put before an instant.
 */
export const bytesOfNobody =
  (db: Kysely<unknown>) =>
  async (since: string, putBefore: string, limit: number): Promise<string[]> => {
    const schema = sql.raw(schemaOf(storedContent))
    const { rows } = await sql<{ hash: string }>`
      select distinct u.hash
      from ${schema}.absent a join ${schema}.use u on u.holder = a.id
        join mailtrail.blobs b on b.hash = decode(u.hash, 'hex')
      where a.gone_at > ${since}::timestamptz and b.put_at < ${putBefore}::timestamptz and not exists (
        select from ${schema}.use o left join ${schema}.absent g on g.id = o.holder
        where o.hash = u.hash and g.gone_at is null)
      limit ${limit}`.execute(db)
    return rows.map(({ hash }) => hash)
  }

/** Messages that hold nothing any more since then and are still found by their words. */
export const textsOfNobody =
  (db: Kysely<unknown>) =>
  async (since: string, limit: number): Promise<string[]> => {
    const { rows } = await sql<{ id: string }>`
      select a.id
      from ${sql.raw(schemaOf(storedContent))}.absent a join mailtrail.message_text t on t.message_id = a.id
      where a.gone_at > ${since}::timestamptz
      limit ${limit}`.execute(db)
    return rows.map(({ id }) => id)
  }

/** How much of what the log refers to is not stored: bytes that were erased, and bytes that are missing. */
export type ContentNotStored = { readonly erased: number; readonly missing: readonly string[] }

export const contentNotStored = (db: Kysely<unknown>) => async (): Promise<ContentNotStored> => {
  const schema = sql.raw(schemaOf(storedContent))
  const { rows } = await sql<{ hash: string; needed: boolean }>`
      select u.hash, bool_or(a.gone_at is null) as needed
      from ${schema}.use u left join ${schema}.absent a on a.id = u.holder
      where not exists (select from mailtrail.blobs b where b.hash = decode(u.hash, 'hex'))
      group by u.hash order by u.hash`.execute(db)
  const missing = rows.filter(({ needed }) => needed).map(({ hash }) => hash)
  return { erased: rows.length - missing.length, missing }
}
