import { z } from 'zod'
import { passedOver } from '../../domain/assignment/events.ts'
import type { Decision } from '../../domain/assignment/work.ts'
import { idOf } from '../../domain/ids.ts'
import type { AssignmentQueries } from '../../projections/assignment/assignment.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy } from '../server/pages.ts'
import { problems, type App } from '../server/server.ts'

const view = z
  .object({
    at: z.string(),
    position: z.string().describe('Where it is in the event log'),
    what: z
      .enum(['picked', 'left', 'assigned', 'unassigned'])
      .describe(
        '`picked`: the rules chose the user. `left`: they chose nobody. `assigned`: a person did, or it was handed over. `unassigned`: it is unassigned from then on',
      ),
    userId: z.string().nullable().describe('The user who got it; null if nobody did'),
    rule: z
      .string()
      .nullable()
      .describe('The rule that settled it, or why none did; null where no rule was asked'),
    detail: z.string().describe('Why, in words'),
    passedOver: z.array(passedOver).describe('Users who were considered, and why they did not'),
    basis: z
      .object({
        territory: z.string().nullable().describe('Territory of the contact who wrote, or of its company'),
        product: z.string().nullable().describe('Product of the contact who wrote'),
        belongsTo: z.string().nullable().describe('The user to whom the reply belongs'),
        rulesRevision: z.int().describe('Version of the rules, as their ETag has it'),
        decidedAt: z.string().describe('As of when users were there or not'),
        factsAt: z.string().describe('The position of the event log as of which everything else was known'),
      })
      .nullable()
      .describe('What the rules were asked with; null where they were not'),
  })
  .meta({ id: 'AssignmentDecision' })
type View = z.infer<typeof view>

export type AssignmentHistoryDeps = {
  readonly queries: AssignmentQueries
  /** @throws NotFound, or Refused if the user may not read the conversation */
  readonly requireReadable: (conversationId: string, userId: string | null) => Promise<void>
}

/** Why a conversation is whose it is. */
export const assignmentHistoryRoutes = (
  app: App,
  { queries, requireReadable }: AssignmentHistoryDeps,
): void => {
  app.get('/v1/conversations/:id/assignments', {
    config: { permission: 'assignment:read', reads: [queries.readModels.assignmentFacts] },
    schema: {
      tags: ['Assignment'],
      summary: 'List to whom a conversation was assigned, and why',
      params: z.object({ id: idOf('thr').describe('Id of a conversation, which is that of its thread') }),
      querystring: pageQuery.extend({ sort: sortBy(['position'], '-position') }),
      response: { 200: pageOf(view), ...problems },
    },
    handler: async ({ params: { id }, query, actingUser }) => {
      await requireReadable(id, actingUser)
      const after = readCursor(query, ['text'])?.[0] ?? null
      const { descending } = orderOf(query.sort)
      const found = await queries.listDecisions(id, { descending, after, limit: query.limit + 1 })
      const items = found.map(({ at, position, decision }) => ({ at, position, ...viewOf(decision) }))
      return pageFrom(items, query, ({ position }) => [position])
    },
  })
}

const viewOf = ({ type, data }: Decision): Omit<View, 'at' | 'position'> => {
  const asked = { rule: null, passedOver: [], basis: null }
  switch (type) {
    case 'ConversationPicked':
      return { ...decidedView(data), what: 'picked', userId: data.userId, rule: data.rule }
    case 'ConversationLeftUnassigned':
      return { ...decidedView(data), what: 'left', userId: null, rule: data.reason }
    case 'ConversationAssigned':
      return { ...asked, what: 'assigned', userId: data.userId, detail: data.detail }
    case 'ConversationUnassigned':
      return { ...asked, what: 'unassigned', userId: null, detail: data.reason }
  }
}

type Decided = Extract<
  Decision,
  { readonly type: 'ConversationPicked' | 'ConversationLeftUnassigned' }
>['data']

const decidedView = ({
  detail,
  passedOver: passed,
  territory,
  product,
  belongsTo,
  rulesRevision,
  decidedAt,
  factsAt,
}: Decided) => ({
  detail,
  passedOver: passed,
  basis: { territory, product, belongsTo, rulesRevision, decidedAt, factsAt },
})
