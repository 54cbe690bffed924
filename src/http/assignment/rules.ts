import { z } from 'zod'
import type { AssignmentCommands } from '../../commands/assignment/assignment.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { assignmentRules } from '../../domain/assignment/events.ts'
import type { AssignmentQueries } from '../../projections/assignment/assignment.ts'
import { answered, problems, type App } from '../server/server.ts'
import { revisionToPut } from '../server/versions.ts'

const view = assignmentRules.meta({ id: 'AssignmentRules' })
const would = z.string().nullable().describe('Id of the user who would have got it; null if nobody would')
const was = z.string().nullable().describe('Id of the user to whom it was assigned first; null if to nobody')
const dryRun = z
  .object({
    from: z.string().describe('Conversations that came since then were looked at'),
    conversations: z.int().describe('How many that were'),
    isComplete: z.boolean().describe('False if there were more than 5,000: then the oldest were left out'),
    users: z
      .array(
        z.object({
          userId: z.string().nullable().describe('Null for conversations that are assigned to nobody'),
          would: z.int().describe('How many the user would have got'),
          was: z.int().describe('How many were assigned to the user first'),
        }),
      )
      .describe('What each user would have got, and got'),
    differences: z
      .array(
        z.object({
          conversationId: z.string(),
          openedAt: z.string().describe('When its first message came'),
          would,
          was,
          rule: z
            .enum(['territory', 'product', 'round-robin', 'stays-with', 'manual', 'nobody-available'])
            .describe('The rule that says so, or why nobody would have got it'),
          detail: z.string().describe('Why, in words'),
        }),
      )
      .describe('Conversations that somebody else would have got, oldest first'),
  })
  .meta({ id: 'AssignmentDryRun' })

export type RuleRouteDeps = { readonly commands: AssignmentCommands; readonly queries: AssignmentQueries }

/** By which rules the conversations of an account are assigned. */
export const assignmentRuleRoutes = (app: App, { commands, queries }: RuleRouteDeps): void => {
  const tags = ['Assignment']
  const params = z.object({ id: accountId })

  app.get('/v1/email-accounts/:id/assignment-rules', {
    config: { permission: 'assignment:read', ifNoneMatch: true },
    schema: {
      tags,
      summary: 'Get the rules by which conversations of an account are assigned',
      params,
      response: { 200: view, ...problems },
    },
    handler: async (request, reply) => {
      const found = await commands.findRules(request.params.id, request.actingUser)
      // Nobody has put any yet: there is no version.
      return found.revision < 0 ? found.state : answered(reply, found, found.state)
    },
  })
  app.put('/v1/email-accounts/:id/assignment-rules', {
    config: { permission: 'assignment:write', ifMatch: 'optional', ifNoneMatch: true },
    schema: {
      tags,
      summary: 'Replace the rules by which conversations of an account are assigned',
      description:
        'They go for everything that is open and unassigned, oldest first, from now on; what is assigned stays as it is. ' +
        'Try them with a dry run before.',
      params,
      body: assignmentRules,
      response: { 200: view, ...problems },
    },
    handler: async (request, reply) => {
      const { caller, body } = request
      const handled = await commands.changeRules(caller, request.params.id, body, revisionToPut(request))
      return answered(reply, handled, handled.state)
    },
  })
  app.post('/v1/email-accounts/:id/assignment-rules/dry-run', {
    config: { permission: 'assignment:read', reads: [queries.readModels.assignmentFacts] },
    schema: {
      tags,
      summary: 'Show whom rules would have assigned the conversations of the last 30 days to',
      description:
        'It changes nothing. Conversations are looked at in the order in which they came, with what users had said by then ' +
        'about when they are there; what nobody was there for is tried again whenever the next one came. Access, ' +
        'territories and products are those of today.',
      params,
      body: assignmentRules,
      response: { 200: dryRun, ...problems },
    },
    handler: async ({ params: { id }, body, actingUser }) => commands.rehearse(id, body, actingUser),
  })
}
