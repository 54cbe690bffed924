import { sql, type Kysely } from 'kysely'

/** Who is in which conversation, for as long as they keep saying so. Nothing is lost with it. */
export const up = async (db: Kysely<unknown>): Promise<void> => {
  await sql`
    create unlogged table mailtrail.conversation_presence (
      conversation_id text not null,
      user_id text not null,
      doing text not null,
      expires_at timestamptz not null,
      primary key (conversation_id, user_id))`.execute(db)
  await sql`create index on mailtrail.conversation_presence (expires_at)`.execute(db)
}
