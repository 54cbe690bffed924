import { z } from 'zod'
import type { SyncCommands } from '../../commands/sync/sync.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { answered, problems, type App } from '../server/server.ts'

const status = z
  .enum(['running', 'paused', 'finished'])
  .describe('`running`: older mail is fetched whenever there is no new mail to read')

/** How far one folder has been read. */
export const progressView = z
  .object({
    folder: z.string(),
    known: z.int().describe('Messages listed so far'),
    expected: z.int().nullable().describe('How many there are to list; null where the mailbox does not tell'),
  })
  .meta({ id: 'FolderProgress' })

/** The latest backfill of an account. */
export const backfillView = z
  .object({
    accountId: z.string(),
    since: z.string().describe('Mail that was received at this time or later'),
    status,
    stored: z.int().describe('Messages that it has fetched and that were not here before'),
    folders: z.array(progressView).readonly(),
    requestedAt: z.string().describe('When it was asked for'),
    finishedAt: z.string().nullable().describe('When all folders had been read back to `since`'),
  })
  .meta({ id: 'Backfill' })

/** Fetching mail from before what the settings of an account say. */
export const backfillRoutes = (app: App, { commands }: { readonly commands: SyncCommands }): void => {
  const params = z.object({ id: accountId })
  const view = backfillView.pick({ accountId: true, since: true, status: true })
  const told = ({ state }: Awaited<ReturnType<SyncCommands['requestBackfill']>>) => {
    if (state.status === 'none') throw new NotFound('backfill')
    const { accountId: id, since } = state
    return { accountId: id, since, status: state.status }
  }

  app.post('/v1/email-accounts/:id/backfill', {
    config: { permission: 'accounts:write' },
    schema: {
      tags: ['Sync'],
      summary: 'Fetch older mail from a date on',
      description:
        'Answers right away; `backfill` in the state of the sync shows the progress. New mail is read first, and what is fetched does not count as new. One that is still under way is replaced.',
      params,
      body: z.object({
        since: z.iso.datetime({ offset: true }).describe('Mail that was received at this time or later'),
      }),
      response: { 202: view, ...problems },
    },
    handler: async (request, reply) => {
      const since = new Date(request.body.since)
      const handled = await commands.requestBackfill(request.caller, request.params.id, since)
      return answered(reply.status(202), handled, told(handled))
    },
  })
  for (const [verb, summary, command] of [
    ['pause', 'Pause fetching older mail', commands.pauseBackfill],
    ['resume', 'Resume fetching older mail', commands.resumeBackfill],
  ] as const)
    app.post(`/v1/email-accounts/:id/backfill/${verb}`, {
      config: { permission: 'accounts:write' },
      schema: { tags: ['Sync'], summary, params, response: { 200: view, ...problems } },
      handler: async (request, reply) => {
        const handled = await command(request.caller, request.params.id)
        return answered(reply, handled, told(handled))
      },
    })
}
