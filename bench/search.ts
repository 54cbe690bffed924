import { schemaOf } from '../src/projections/projection.ts'
import { messages } from '../src/projections/sync/messages.ts'
import { apiClient } from '../scripts/lib/client.ts'
import { inTurnByKind } from './latency.ts'
import type { Row } from './measure.ts'
import { MESSAGES, searchableMessages } from './million-messages.ts'
import { searchKinds } from './search-kinds.ts'

const TIMES = 4
const PAGE = 50

/** To reach: one in twenty takes at most 100 ms, which the lines on standard error show. */
export const search: Row = {
  name: 'search',
  what: `searches of many kinds among ${MESSAGES.toLocaleString('en')} messages over HTTP`,
  ceilingWhat: 'for each the statement that suits it best, written by hand',
  unit: 'searches/s',
  reach: 0.2,
  onlyByName: true,
  run: async (bench) => {
    const { service, words } = await searchableMessages(bench)
    const table = `${schemaOf(messages)}.message`
    const kinds = searchKinds(words).map(
      ({ name, asked, as, words: wordsOf, walks = false, among = () => 'true' }) => {
        const client = apiClient(service.app.url, service.key, as)
        return {
          name,
          ask: (nth: number) => client.get(`/v1/search?${new URLSearchParams(asked(nth)).toString()}`),
          byHand: async (nth: number) => {
            const connection = await service.pool.connect()
            try {
              await connection.query(
                `begin; set local enable_seqscan = off; set local enable_bitmapscan = ${walks ? 'off' : 'on'}`,
              )
              await connection.query(
                `select m.* from (select t.message_id, t.received_at from mailtrail.message_text t
                 where t.words @@ $1::tsquery and ${among(nth)} order by t.received_at ${walks ? '' : `+ interval '0'`} desc limit ${PAGE}) as found
               join ${table} m on m.id = found.message_id order by found.received_at desc`,
                [wordsOf(nth)],
              )
              await connection.query('commit')
            } finally {
              connection.release()
            }
          },
        }
      },
    )
    return inTurnByKind(bench.rounds, TIMES, kinds)
  },
}
