import type pg from 'pg'
import type { MessageText, MessageTexts } from '../../commands/ports/message-texts.ts'
import { timeWords } from '../../domain/search/time-words.ts'

/**
 * What messages are found by, in `mailtrail.message_text`. The words of account, day and month let one index narrow
 * down what is searched for, together with the words of the mail.
 */
export const postgresMessageTexts = (pool: pg.Pool): MessageTexts => ({
  put: async (texts) => {
    // Each message once and in order, so that two processes that put the same ones cannot deadlock.
    const rows = [...new Map(texts.map((text) => [text.messageId, text])).values()].toSorted((one, other) =>
      one.messageId < other.messageId ? -1 : 1,
    )
    if (rows.length === 0) return
    await pool.query(
      `insert into mailtrail.message_text as t (message_id, account_id, received_at, language, beginning, words)
       select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::tsvector[])
       on conflict (message_id) do update set account_id = excluded.account_id, received_at = excluded.received_at,
         language = excluded.language, beginning = excluded.beginning, words = excluded.words
         where (t.words, t.beginning, t.received_at) is distinct from
           (excluded.words, excluded.beginning, excluded.received_at)`,
      [
        rows.map(({ messageId }) => messageId),
        rows.map(({ accountId }) => accountId),
        rows.map(({ receivedAt }) => receivedAt),
        rows.map(({ language }) => language),
        rows.map(({ beginning }) => beginning),
        rows.map(wordsOf),
      ],
    )
  },
  remove: async (messageIds) => {
    await pool.query(`delete from mailtrail.message_text where message_id = any($1)`, [messageIds])
  },
})

const wordsOf = ({ words, accountId, receivedAt }: MessageText): string =>
  [words, `'account:${accountId}'`, ...timeWords(receivedAt).map((word) => `'${word}'`)].join(' ')
