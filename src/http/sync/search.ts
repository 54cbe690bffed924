import { z } from 'zod'
import { accountId } from '../../domain/accounts/events.ts'
import { crmId } from '../../domain/directory/events.ts'
import { askedInstant } from '../../domain/mail.ts'
import { asksForSomething, readQuestion, wordCount, type Question } from '../../domain/search/question.ts'
import { unitsIn, type Unit } from '../../domain/search/units.ts'
import type { AccountQueries } from '../../projections/accounts/accounts.ts'
import type { LinkingQueries } from '../../projections/linking/linking.ts'
import type { SyncQueries } from '../../projections/sync/sync.ts'
import { pageFrom, pageOf, pageQuery, readCursor } from '../server/pages.ts'
import { defineProblem } from '../server/problems.ts'
import { problems, type App } from '../server/server.ts'
import { summaryView } from './messages.ts'

export type SearchRouteDeps = Pick<AccountQueries, 'visibleAccounts' | 'sendOnlyAccounts'> & {
  readonly queries: SyncQueries
  /** The read model that says to whom what is visible. */
  readonly accountList: { readonly name: string }
  readonly linking: LinkingQueries
}

const MOST_WORDS = 32
/** Fewer letters begin too many words. */
const SHORTEST_BEGINNING = 3

const words = (what: string) => z.string().max(1000).optional().describe(what)
const linkedTo = crmId.optional().describe('Only messages that are linked to this record of the CRM')
const searchQuery = pageQuery.extend({
  q: words(
    'Words that the message must have, in its text, its subject, the names of its attachments, or of its people. ' +
      '`"several words"` next to each other and as they are written; `-word` for what it must not have; `or` between ' +
      'alternatives; `begun*` for the beginning of a word',
  ),
  from: words('Name, address or domain of the sender'),
  to: words('Name, address or domain of a recipient'),
  subject: words('As `q`, for the subject alone'),
  after: askedInstant.optional().describe('Only messages of this instant or later'),
  before: askedInstant.optional().describe('Only messages of this instant or earlier'),
  hasAttachment: z.stringbool().optional().describe('Only messages with attachments, or only those without'),
  account: accountId.optional(),
  folder: z.string().max(500).optional().describe('A path, or a role such as `inbox` or `sent`'),
  contact: linkedTo,
  company: linkedTo,
  deal: linkedTo,
  unread: z.stringbool().optional().describe('Only messages that nobody has read yet, or only others'),
  direction: z.enum(['in', 'out']).optional().describe('Only messages that were received, or that were sent'),
  automatic: z.stringbool().optional().describe('Only messages that a machine wrote, or only others'),
})
type SearchQuery = z.infer<typeof searchQuery>

const marks = z.array(
  z.object({
    start: z.int().describe('Where it begins, in UTF-16 units'),
    end: z.int().describe('The first unit after it'),
  }),
)
const hitView = summaryView
  .extend({
    subjectMarks: marks.describe('What was found in the subject'),
    extract: z
      .object({
        text: z
          .string()
          .describe('Plain text of the message, around what was found first; its beginning otherwise'),
        marks: marks.describe('What was found in it'),
      })
      .nullable()
      .describe('Null if not everything is visible to you'),
  })
  .meta({ id: 'SearchHit' })

const nothingToSearch = defineProblem(400, 'nothing-to-search', {
  title: 'Nothing to search for',
  meaning:
    'The search has no word that a message could have: only punctuation, or only what it must not have.',
  remedy: 'Send at least one word in `q` or `subject`, or `from`, `to`, `contact`, `company` or `deal`.',
})
const searchTooBroad = defineProblem(400, 'search-too-broad', {
  title: 'Search too broad',
  meaning: 'The search has too many words, too short a beginning before `*`, or takes too long.',
  remedy: 'Search for rarer words, or narrow it down by `account`, `contact`, `after` or `before`.',
})

const EVERYTHING = 'everything' as const

/** Search in the messages that the caller may see. */
export const searchRoutes = (app: App, deps: SearchRouteDeps): void => {
  const { queries, accountList, visibleAccounts, sendOnlyAccounts, linking } = deps
  /** Where it is searched: of accounts that others may not see, a user finds what they sent and the answers to it. */
  const accountsOf = async ({ account }: SearchQuery, userId: string | null) => {
    const visible = await visibleAccounts(userId)
    if (visible === 'all' || userId === null)
      return { accounts: account === undefined ? visible : new Map([[account, EVERYTHING]]), ownIn: null }
    const sendOnly = (await sendOnlyAccounts(userId)).filter((id) => !visible.has(id))
    const all = new Map([...visible, ...sendOnly.map((id) => [id, EVERYTHING] as const)])
    const level = account === undefined ? undefined : all.get(account)
    const named = new Map(account === undefined || level === undefined ? [] : [[account, level]])
    return {
      accounts: account === undefined ? all : named,
      ownIn: sendOnly.length === 0 ? null : { accounts: sendOnly, userId },
    }
  }

  app.get('/v1/search', {
    config: {
      permission: 'messages:read',
      reads: [queries.readModels.messages, linking.readModels.messageLinks, accountList],
    },
    schema: {
      tags: ['Messages'],
      summary: 'Search messages, the latest first',
      querystring: searchQuery,
      response: { 200: pageOf(hitView), ...problems },
    },
    handler: async ({ query, actingUser }) => {
      const asked = askedOf(query)
      const after = readCursor(query, ['instant', 'text'])
      const { after: from, before: to, folder, hasAttachment, unread, direction, automatic } = query
      const { accounts, ownIn } = await accountsOf(query, actingUser)
      const linked = recordsOf(query).map(linking.linkedTo)
      const search = {
        ...asked,
        accounts,
        ownIn,
        linked,
        from,
        to,
        folder,
        hasAttachment,
        unread,
        direction,
        automatic,
      }
      const found = await queries.searchMessages(search, { after, limit: query.limit + 1 })
      if (found === 'too-broad') throw searchTooBroad()
      return pageFrom(found, query, ({ at, id }) => [at, id])
    },
  })
}

/** What the search is for, if it is for anything. @throws HttpProblem 400 */
const askedOf = ({ q, subject, from, to, contact, company, deal }: SearchQuery) => {
  const asked = {
    question: questionOf(q),
    subject: questionOf(subject),
    sender: unitsOf(from),
    recipient: unitsOf(to),
  }
  if ((contact ?? company ?? deal) === undefined && Object.values(asked).every((each) => each === null))
    throw nothingToSearch()
  return asked
}

const recordsOf = (query: SearchQuery) =>
  (['contact', 'company', 'deal'] as const).flatMap((kind) => {
    const id = query[kind]
    return id === undefined ? [] : [{ kind, id }]
  })

const questionOf = (typed: string | undefined): Question | null => {
  if (typed === undefined) return null
  const question = readQuestion(typed)
  if (!asksForSomething(question)) throw nothingToSearch()
  if (wordCount(question) > MOST_WORDS || question.flat().some(isTooShort)) throw searchTooBroad()
  return question
}

const isTooShort = ({ prefix, units }: Question[number][number]): boolean =>
  prefix && (units.at(-1)?.parts.at(-1)?.word ?? '').length < SHORTEST_BEGINNING

const unitsOf = (typed: string | undefined): readonly Unit[] | null => {
  if (typed === undefined) return null
  const units = unitsIn(typed)
  if (units.length === 0) throw nothingToSearch()
  if (units.length > MOST_WORDS) throw searchTooBroad()
  return units
}
