import { sql, type Kysely } from 'kysely'

/** What messages are found by. The rest of a large row lies elsewhere, so that the rows of many are read at once. */
export const up = async (db: Kysely<unknown>): Promise<void> => {
  // Ids compare by bytes as those of read models do: else neither's index serves to look up the other's.
  await sql`
    create table mailtrail.message_text (
      message_id text collate "C" primary key,
      account_id text not null,
      received_at timestamptz(3) not null,
      language text,
      beginning text not null,
      words tsvector not null) with (toast_tuple_target = 128)`.execute(db)
  // They are read of every candidate, of which only the rest may lie elsewhere.
  await sql`
    alter table mailtrail.message_text alter column message_id set storage plain,
      alter column account_id set storage plain`.execute(db)
  await sql`create index message_text_received on mailtrail.message_text (received_at)`.execute(db)
  // Every search reads what is not sorted in yet: half a megabyte keeps that short.
  await sql`
    create index message_text_words on mailtrail.message_text using gin (words)
      with (gin_pending_list_limit = 512)`.execute(db)
}
