import { z } from 'zod'
import type { SyncCommands } from '../../commands/sync/sync.ts'
import { accountId, accountSettings, excludePattern } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import type { AccountQueries } from '../../projections/accounts/accounts.ts'
import type { SyncQueries } from '../../projections/sync/sync.ts'
import { answered, problems, type App } from '../server/server.ts'

const counts = {
  examined: z.int().describe('Messages that were looked at'),
  hidden: z.int().describe('Messages that are hidden now, and were not'),
  shown: z.int().describe('Messages that were hidden, and are shown again'),
}
const runView = z
  .object({
    number: z.int(),
    status: z
      .enum(['applying', 'fetching', 'finished'])
      .describe('`fetching`: messages are as the patterns say, and syncs fetch what had been left out'),
    excludePatterns: z.array(excludePattern).readonly().describe('Those that it applies'),
    ...counts,
    toFetch: z
      .int()
      .nullable()
      .describe('Messages to be fetched again from the mailbox; null as long as the patterns are applied'),
    requestedAt: z.string().describe('When it was asked for'),
    finishedAt: z.string().nullable(),
  })
  .meta({ id: 'PatternRun' })
const previewView = z
  .object({
    ...counts,
    toFetch: z
      .int()
      .describe(
        'Messages that were left out and would be fetched again from the mailbox, if they are still there; what another pattern is found to match then stays out',
      ),
    isComplete: z.boolean().describe('False: there are more messages than a preview looks at'),
    sample: z
      .array(
        z.object({
          messageId: z.string(),
          change: z.enum(['hide', 'show']).describe('Whether it would be hidden, or shown again'),
          pattern: excludePattern.nullable().describe('The pattern that would hide it'),
        }),
      )
      .readonly()
      .describe('A few of the messages'),
  })
  .meta({ id: 'PatternPreview' })

export type ExcludePatternRouteDeps = {
  readonly commands: SyncCommands
  readonly queries: Pick<SyncQueries, 'findPatternRun' | 'readModels'>
  readonly accounts: Pick<AccountQueries, 'find' | 'readModels'>
}

/** What exclude patterns do to mail that is here already: a preview, and applying them. */
export const excludePatternRoutes = (
  app: App,
  { commands, queries, accounts }: ExcludePatternRouteDeps,
): void => {
  const params = z.object({ id: accountId })
  const { messages, patternRuns } = queries.readModels
  const { excludePatterns } = accountSettings.shape

  app.get('/v1/email-accounts/:id/exclude-patterns', {
    config: { permission: 'accounts:read', reads: [accounts.readModels.accountList, patternRuns] },
    schema: {
      tags: ['Email accounts'],
      summary: 'List the exclude patterns of an account',
      description: 'Its version is that of the account.',
      params,
      response: {
        200: z.object({
          excludePatterns,
          latestRun: runView
            .nullable()
            .describe('How patterns were last applied to what was here already; null if they never were'),
        }),
        ...problems,
      },
    },
    handler: async ({ params: { id }, actingUser }, reply) => {
      const found = await accounts.find(id, actingUser)
      if (!found) throw new NotFound('email account', id)
      const latestRun = await queries.findPatternRun(id)
      const view = { excludePatterns: found.settings.excludePatterns, latestRun }
      return answered(reply, { revision: found.revision, position: null }, view)
    },
  })
  app.post('/v1/email-accounts/:id/exclude-patterns/preview', {
    config: { permission: 'accounts:read', reads: [messages, patternRuns] },
    schema: {
      tags: ['Email accounts'],
      summary: 'Preview what applying changed exclude patterns would do',
      description: 'Changes nothing. With no changes, it says what applying the present patterns would do.',
      params,
      body: z.object({
        add: excludePatterns.default([]).describe('Patterns that would be added'),
        remove: excludePatterns.default([]).describe('Patterns that would be removed'),
      }),
      response: { 200: previewView, ...problems },
    },
    handler: ({ params: { id }, body, caller }) => commands.previewPatterns(caller, id, body),
  })
  app.post('/v1/email-accounts/:id/exclude-patterns/apply', {
    config: { permission: 'accounts:write' },
    schema: {
      tags: ['Email accounts'],
      summary: 'Apply the exclude patterns to mail that is here already',
      description:
        'Answers right away; `latestRun` in the list of patterns shows the progress. Messages that a pattern matches are hidden, as if they had been left out; those that none matches any more are shown again; and what was left out by patterns that are gone is fetched from the mailbox. To undo it, change the patterns back and apply them again. One that is still under way is replaced.',
      params,
      response: { 202: z.object({ number: z.int() }), ...problems },
    },
    handler: async (request, reply) => {
      const handled = await commands.requestPatternRun(request.caller, request.params.id)
      return answered(reply.status(202), handled, { number: handled.state.last })
    },
  })
}
