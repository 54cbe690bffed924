import { schemaOf } from '../src/projections/projection.ts'
import { timeline as timelineModel } from '../src/projections/timeline/entries.ts'
import { pageFrom } from '../src/http/server/pages.ts'
import { apiClient } from '../scripts/lib/client.ts'
import { inTurnByKind, type Kind } from './latency.ts'
import type { Row } from './measure.ts'
import { accountOf, colleague, contactOf, MESSAGES, timelineEntries } from './million-messages.ts'

const TIMES = 10
const PAGE = 50
/** What is listed unless something else is asked for. */
const sorts = ['received', 'sent', 'opened.human', 'clicked.human']

type Page = { readonly data: readonly unknown[] }
type Asked = Readonly<Record<string, string>>
/** `deep`: not the first page, but the one that begins at this time. */
type Timeline = {
  readonly name: string
  readonly asked: (nth: number) => Asked
  readonly as?: string
  readonly deep?: string
}

const timelines: readonly Timeline[] = [
  { name: 'contact with 100,000 entries', asked: () => ({ contact: contactOf(0) }) },
  {
    name: 'contact with 100,000 entries, a deep page',
    asked: () => ({ contact: contactOf(0) }),
    deep: '2025-06-01T00:00:00Z',
  },
  { name: 'contact with few entries', asked: (nth) => ({ contact: contactOf(2_000 + nth) }) },
  { name: 'what was sent to the contact', asked: () => ({ contact: contactOf(0), kinds: 'sent' }) },
  {
    name: 'opens and clicks of the contact',
    asked: () => ({ contact: contactOf(0), kinds: 'opened,clicked' }),
  },
  {
    name: 'of the contact in a small account',
    asked: (nth) => ({ contact: contactOf(nth % 3), account: accountOf(19) }),
  },
  {
    name: 'of the contact in a month',
    asked: () => ({ contact: contactOf(0), from: '2025-06-01T00:00:00Z', to: '2025-07-01T00:00:00Z' }),
  },
  { name: 'of the contact, only outwards', asked: () => ({ contact: contactOf(0), direction: 'out' }) },
  { name: 'contact, as a colleague sees it', as: colleague, asked: (nth) => ({ contact: contactOf(nth) }) },
  { name: 'company', asked: (nth) => ({ company: `company-${nth}` }) },
  { name: 'company, a deep page', asked: () => ({ company: 'company-0' }), deep: '2025-03-01T00:00:00Z' },
  { name: 'deal', asked: (nth) => ({ deal: `deal-${nth}` }) },
  { name: 'account', asked: (nth) => ({ account: accountOf(nth % 20) }) },
  { name: 'account, a deep page', asked: () => ({ account: accountOf(0) }), deep: '2025-03-01T00:00:00Z' },
  { name: 'clicks in an account', asked: (nth) => ({ account: accountOf(nth % 20), kinds: 'clicked' }) },
]

export const timeline: Row = {
  name: 'timeline',
  what: `a page of a timeline among ${MESSAGES.toLocaleString('en')} messages over HTTP`,
  ceilingWhat: 'a bare walk along the best index for as many entries',
  unit: 'pages/s',
  reach: 0.2,
  onlyByName: true,
  run: async (bench) => {
    const { service } = await timelineEntries(bench)
    const schema = schemaOf(timelineModel)
    const kindOf = ({ name, asked, as, deep }: Timeline): Kind => {
      const client = apiClient(service.app.url, service.key, as)
      const pageOf = (query: Asked) =>
        client.get<Page>(`/v1/timeline?${new URLSearchParams(query).toString()}`)
      const cursorOf = (query: Asked): Asked => {
        if (deep === undefined) return {}
        const all = { verdict: 'human', ...query, limit: 1 }
        const { nextCursor } = pageFrom([0, 1], all, () => [deep, ''])
        return nextCursor === null ? {} : { cursor: nextCursor }
      }
      return {
        name,
        ask: async (nth) => {
          const { data } = await pageOf({ ...asked(nth), ...cursorOf(asked(nth)) })
          if (data.length === 0) throw new Error(`Nothing on the timeline: ${name}`)
        },
        byHand: async (nth) => {
          const { contact, company, deal, account, kinds } = asked(nth)
          const record = Object.entries({ contact, company, deal }).find(([, id]) => id !== undefined)
          const values = [...(record ?? [account]), deep ?? '2030-01-01']
          const isOn = record ? 'record_kind = $1 and record_id = $2' : 'account_id = $1'
          await service.pool.query(
            `select e.* from (
               select walked.* from unnest($${values.length + 1}::text[]) as asked(sort) cross join lateral (
                 select entry_id, at from ${schema}.${record ? 'on_record' : 'entry'} as walk
                 where ${isOn} and walk.sort = asked.sort and shown and at < $${values.length}::timestamptz
                 order by at desc, entry_id desc limit ${PAGE}) as walked
               order by at desc, entry_id desc limit ${PAGE}) as page join ${schema}.entry e using (entry_id)`,
            [...values, sorts.filter((sort) => kinds?.includes(sort.split('.')[0] ?? '') ?? true)],
          )
        },
      }
    }
    return inTurnByKind(bench.rounds, TIMES, timelines.map(kindOf))
  },
}
