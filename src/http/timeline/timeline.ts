import { z } from 'zod'
import { accountId } from '../../domain/accounts/events.ts'
import { crmId } from '../../domain/directory/events.ts'
import { idOf } from '../../domain/ids.ts'
import { recordRef } from '../../domain/linking/events.ts'
import { writtenMailbox } from '../../domain/mail.ts'
import { entryKinds } from '../../domain/timeline/kinds.ts'
import { NotFound } from '../../domain/decider.ts'
import type { SyncQueries } from '../../projections/sync/sync.ts'
import type { TimelineQueries } from '../../projections/timeline/timeline.ts'
import { actorView } from '../server/actor-view.ts'
import { pageFrom, pageOf, pageQuery, readCursor, timesOf } from '../server/pages.ts'
import { defineProblem } from '../server/problems.ts'
import { problems, type App } from '../server/server.ts'
import { visible, visibleSubject } from '../server/visible.ts'

const verdicts = ['human', 'machine', 'unknown', 'own'] as const

const listedKinds = z
  .string()
  .transform((text) => text.split(',').map((kind) => kind.trim()))
  .pipe(z.array(z.enum(entryKinds)).min(1).max(entryKinds.length))
  .overwrite((kinds) => [...new Set(kinds)])

const timelineQuery = pageQuery.extend({
  contact: crmId.optional().describe('The timeline of this contact, and of those that were merged into it'),
  company: crmId.optional().describe('The timeline of this company'),
  deal: crmId.optional().describe('The timeline of this deal'),
  thread: idOf('thr').optional().describe('The timeline of this thread: of its latest 1,000 messages'),
  account: accountId
    .optional()
    .describe('The timeline of this account; beside another one, only entries of this account'),
  kinds: listedKinds.optional().describe('Only these kinds of entries, separated by commas'),
  direction: z.enum(['in', 'out']).optional().describe('Only what came in, or only what went out'),
  verdict: z
    .enum([...verdicts, 'any'])
    .default('human')
    .describe('Whose opens and clicks are listed: by default those of people, none of programs'),
  ...timesOf('dated'),
})
type TimelineQuery = z.infer<typeof timelineQuery>

const entryView = z
  .object({
    id: z.string(),
    at: z.string().describe('When it happened, the first time'),
    kind: z.enum(entryKinds).describe('What happened'),
    direction: z.enum(['in', 'out']).nullable(),
    verdict: z
      .enum(verdicts)
      .nullable()
      .describe('Of opens and clicks: who made them, as far as can be told'),
    accountId: z.string().nullable().describe('Null for entries of the CRM'),
    messageId: z.string().nullable().describe('The message or email that it is about'),
    emailId: z.string().nullable().describe('The same if it was sent from here'),
    threadId: z.string().nullable(),
    replyId: z.string().nullable().describe('The message that is the reply'),
    records: z.array(recordRef).describe('All records on whose timelines it is'),
    title: visibleSubject.describe(
      'The subject, or the title of an entry of the CRM; null if not visible to you',
    ),
    from: z.array(writtenMailbox).describe('At most 20'),
    to: z.array(writtenMailbox).describe('At most 20'),
    text: z
      .string()
      .nullable()
      .describe('The text of an entry of the CRM, or why something failed; null if not visible to you'),
    link: z
      .object({ url: z.string(), text: z.string() })
      .nullable()
      .describe('The link that was clicked; null if not visible to you'),
    count: z.int().describe('How many times it happened'),
    lastAt: z.string().describe('When it happened last'),
    actor: actorView.nullable().describe('Who did it, of entries of the CRM and changes of accounts'),
    position: z.string().describe('Position in the log of what changed the entry last'),
    visibility: visible,
  })
  .meta({ id: 'TimelineEntry' })

const oneTimeline = defineProblem(400, 'one-timeline', {
  title: 'Whose timeline?',
  meaning: 'A timeline is that of one contact, company, deal, thread or account.',
  remedy: 'Send one of `contact`, `company`, `deal` and `thread`, or `account` alone.',
})

const THREAD_MESSAGES = 1000

export type TimelineRouteDeps = {
  readonly queries: TimelineQueries
  readonly sync: SyncQueries
  /** The read model that says to whom what is visible. */
  readonly accountList: { readonly name: string }
}

/** What happened with a record of the CRM, an account or a thread. */
export const timelineRoutes = (app: App, { queries, sync, accountList }: TimelineRouteDeps): void => {
  const messagesOfThread = async (id: string, userId: string | null): Promise<string[]> => {
    const thread = await sync.findThread(id, userId)
    if (!thread) throw new NotFound('thread', id)
    const latest = { descending: true, after: null, limit: THREAD_MESSAGES }
    return (await sync.membersOf(thread, latest)).map((member) => member.id)
  }
  const timelineOf = async (
    { contact, company, deal, thread, account }: TimelineQuery,
    userId: string | null,
  ): Promise<Parameters<TimelineQueries['list']>[0]> => {
    const asked = [
      ...(contact === undefined ? [] : [{ kind: 'contact' as const, id: contact }]),
      ...(company === undefined ? [] : [{ kind: 'company' as const, id: company }]),
      ...(deal === undefined ? [] : [{ kind: 'deal' as const, id: deal }]),
      ...(thread === undefined ? [] : [{ kind: 'thread' as const, id: thread }]),
    ]
    const [of, ...others] =
      asked.length === 0 && account !== undefined ? [{ kind: 'account' as const, id: account }] : asked
    if (of === undefined || others.length > 0) throw oneTimeline()
    return of.kind === 'thread' ? { kind: 'messages', ids: await messagesOfThread(of.id, userId) } : of
  }

  app.get('/v1/timeline', {
    config: {
      permission: 'messages:read',
      reads: [queries.readModels.timeline, sync.readModels.threads, accountList],
    },
    schema: {
      tags: ['Timeline'],
      summary: 'List what happened with a record, a thread or an account, newest first',
      description:
        'Mail both ways, what became of emails, and entries of the CRM. What happens again to an email, such as opens, is one entry where it happened first, with a count and the time of the last; the tracking report has each. `position` is that of the log up to which the answer is complete: entries with a later one are new or changed.',
      querystring: timelineQuery,
      response: { 200: pageOf(entryView).extend({ position: z.string().nullable() }), ...problems },
    },
    handler: async ({ query, actingUser: userId }) => {
      const { account, kinds, direction, verdict, from, to, limit } = query
      const of = await timelineOf(query, userId)
      const after = readCursor(query, ['instant', 'text'])
      const filter = {
        userId,
        kinds,
        direction,
        verdict: verdict === 'any' ? undefined : verdict,
        accountId: account,
        from,
        to,
      }
      const found = await queries.list(of, filter, { descending: true, after, limit: limit + 1 })
      const page = pageFrom(found.entries, query, ({ at, id }) => [at, id])
      const threads = await sync.threadsOf(page.data.flatMap(({ messageId }) => messageId ?? []))
      const data = page.data.map((entry) => ({
        ...entry,
        from: [...entry.from],
        to: [...entry.to],
        threadId: entry.messageId === null ? null : (threads.get(entry.messageId) ?? null),
      }))
      return { ...page, data, position: found.position }
    },
  })
}
