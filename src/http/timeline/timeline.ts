import { z } from 'zod'
import { ForeignPosition, type EventStore } from '../../commands/ports/event-log.ts'
import { NotFound } from '../../domain/decider.ts'
import { idOf } from '../../domain/ids.ts'
import type { SyncQueries } from '../../projections/sync/sync.ts'
import type { TimelineQueries } from '../../projections/timeline/timeline.ts'
import { pageFrom, pageOf, pageQuery, readCursor } from '../server/pages.ts'
import { problems, type App } from '../server/server.ts'
import { askedTimeline, filterAsked, oneTimeline, recordAsked } from './asked-timeline.ts'
import { entryView, entryViews } from './entry-view.ts'

const timelineQuery = pageQuery.extend({
  ...askedTimeline,
  thread: idOf('thr').optional().describe('The timeline of this thread: of its latest 1,000 messages'),
})
type TimelineQuery = z.infer<typeof timelineQuery>

const changesQuery = pageQuery.extend({
  ...askedTimeline,
  since: z.string().max(100).describe('The `position` of an earlier answer: only what changed after it'),
})

const changeView = z
  .object({
    id: z.string(),
    position: z.string().describe('Position in the log of the change'),
    entry: entryView
      .nullable()
      .describe('As it is now; null if it is not, or no longer, part of what is asked for'),
  })
  .meta({ id: 'TimelineChange' })

const THREAD_MESSAGES = 1000

export type TimelineRouteDeps = {
  readonly queries: TimelineQueries
  readonly sync: SyncQueries
  /** The read model that says to whom what is visible. */
  readonly accountList: { readonly name: string }
  readonly isPosition: EventStore['isPosition']
}

/** What happened with a record of the CRM, an account or a thread. */
export const timelineRoutes = (app: App, deps: TimelineRouteDeps): void => {
  const { queries, sync, accountList } = deps
  const config = {
    permission: 'messages:read',
    reads: [queries.readModels.timeline, sync.readModels.threads, accountList],
  } as const
  const tags = ['Timeline']
  const asOf = z.string().nullable().describe('Position in the log up to which the answer is complete')

  app.get('/v1/timeline', {
    config,
    schema: {
      tags,
      summary: 'List what happened with a record, a thread or an account, newest first',
      description:
        'Mail both ways, what became of emails, and entries of the CRM. What happens again to an email, such as opens, is one entry where it happened first, with a count and the time of the last; the tracking report has each. With the `position` of the first page, the changes of a timeline tell what comes after.',
      querystring: timelineQuery,
      response: { 200: pageOf(entryView).extend({ position: asOf }), ...problems },
    },
    handler: async ({ query, actingUser: userId }) => {
      const of = await timelineOf(deps, query, userId)
      const after = readCursor(query, ['instant', 'text'])
      const page = { descending: true, after, limit: query.limit + 1 }
      const { entries, position } = await queries.list(of, filterAsked(query, userId), page)
      const found = pageFrom(entries, query, ({ at, id }) => [at, id])
      return { ...found, data: await entryViews(found.data, sync.threadsOf), position }
    },
  })

  app.get('/v1/timeline/changes', {
    config,
    schema: {
      tags,
      summary: 'List what changed in the timeline of a record or an account since a position, oldest first',
      description:
        'For whoever keeps a timeline up to date: entries that are new or changed, and those that are gone. Ask again with the `position` of the last page.',
      querystring: changesQuery,
      response: { 200: pageOf(changeView).extend({ position: asOf }), ...problems },
    },
    handler: async ({ query, actingUser: userId }) => {
      const { since, limit } = query
      const of = recordAsked(query)
      if (!of) throw oneTimeline()
      if (!deps.isPosition(since)) throw new ForeignPosition()
      const after = readCursor(query, ['text', 'text'])
      const page = { since, after, limit: limit + 1 }
      const { changes, position } = await queries.follow(of, filterAsked(query, userId), page)
      const found = pageFrom(changes, query, (change) => [change.position, change.id])
      const entries = await entryViews(
        found.data.flatMap(({ entry }) => entry ?? []),
        sync.threadsOf,
      )
      const views = new Map(entries.map((entry) => [entry.id, entry]))
      const data = found.data.map((change) => ({ ...change, entry: views.get(change.id) ?? null }))
      return { ...found, data, position }
    },
  })
}

const timelineOf = async (
  { sync }: Pick<TimelineRouteDeps, 'sync'>,
  { thread: id, ...query }: TimelineQuery,
  userId: string | null,
): Promise<Parameters<TimelineQueries['list']>[0]> => {
  const record = recordAsked(query)
  if (id === undefined) {
    if (!record) throw oneTimeline()
    return record
  }
  if (record && record.kind !== 'account') throw oneTimeline()
  const thread = await sync.findThread(id, userId)
  if (!thread) throw new NotFound('thread', id)
  const latest = { descending: true, after: null, limit: THREAD_MESSAGES }
  return { kind: 'messages', ids: (await sync.membersOf(thread, latest)).map((member) => member.id) }
}
