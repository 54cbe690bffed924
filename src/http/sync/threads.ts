import { z } from 'zod'
import type { SyncCommands } from '../../commands/sync/sync.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { idOf } from '../../domain/ids.ts'
import type { SyncQueries } from '../../projections/sync/sync.ts'
import { answered, problems, type App } from '../server/server.ts'
import { messageId, threadView } from './messages.ts'

const threadId = idOf('thr').describe('Id of a thread')

const changeView = z
  .object({
    change: z.int().describe('Number of the change, by which it can be undone'),
    kind: z.enum(['merge', 'split']),
    threadId: threadId.describe(
      'The thread that another was merged into, or that messages were split off from',
    ),
    other: threadId.describe('The thread that was merged into it, or that was split off'),
    undone: z.boolean().describe('Whether it was undone'),
  })
  .meta({ id: 'ThreadChange' })

type Change = Awaited<ReturnType<SyncCommands['mergeThreads']>>['state']['changes'][number]
const viewOf = (done: Change): z.infer<typeof changeView> => ({
  change: done.change,
  kind: done.kind,
  threadId: done.threadId,
  other: done.kind === 'merge' ? done.other : done.into,
  undone: done.undone,
})

/** Threads as people want them: merged, split, and as they were before. */
export const threadRoutes = (
  app: App,
  { commands, queries }: { readonly commands: SyncCommands; readonly queries: SyncQueries },
): void => {
  const tags = ['Messages']
  const { threads } = queries.readModels
  const params = z.object({ id: threadId })
  const ofAccount = z.object({ id: accountId })
  const latest = ({ state }: Awaited<ReturnType<SyncCommands['mergeThreads']>>) => {
    const done = state.changes.at(-1)
    if (!done) throw new NotFound('thread change')
    return viewOf(done)
  }

  app.post('/v1/threads/:id/merge', {
    config: { permission: 'messages:write' },
    schema: {
      tags,
      summary: 'Merge another thread into a thread',
      description:
        'For conversations that no header connects, such as a reply from a program that sends none. Nothing changes in the mailbox.',
      params,
      body: z.object({ thread: threadId.describe('The thread to merge into this one') }),
      response: { 200: changeView, ...problems },
    },
    handler: async (request, reply) => {
      const handled = await commands.mergeThreads(request.caller, request.params.id, request.body.thread)
      return answered(reply, handled, latest(handled))
    },
  })
  app.post('/v1/threads/:id/split', {
    config: { permission: 'messages:write' },
    schema: {
      tags,
      summary: 'Split messages off into a thread of their own',
      description: 'Replies to these messages join the new thread. Nothing changes in the mailbox.',
      params,
      body: z.object({
        messages: z.array(messageId).min(1).max(500).describe('Messages of the thread, but not all of them'),
      }),
      response: { 200: changeView, ...problems },
    },
    handler: async (request, reply) => {
      const handled = await commands.splitThread(request.caller, request.params.id, request.body.messages)
      return answered(reply, handled, latest(handled))
    },
  })
  app.get('/v1/threads/:id/suggestions', {
    config: { permission: 'messages:read', reads: [threads] },
    schema: {
      tags,
      summary: 'List threads that may belong to a thread',
      description:
        'At most 20 threads of the same account with the same subject, with one of its people, and at about the same time.',
      params,
      response: { 200: z.object({ data: z.array(threadView) }), ...problems },
    },
    handler: async ({ params: { id }, actingUser }) => {
      const data = await queries.similarThreads(id, actingUser)
      if (data === null) throw new NotFound('thread', id)
      return { data }
    },
  })
  app.get('/v1/email-accounts/:id/thread-changes', {
    config: { permission: 'messages:read' },
    schema: {
      tags,
      summary: 'List the merges and splits of threads in an account',
      description: 'Oldest first, undone ones included.',
      params: ofAccount,
      response: { 200: z.object({ data: z.array(changeView) }), ...problems },
    },
    handler: async ({ caller, params: { id } }) => ({
      data: (await commands.threadChanges(caller, id)).map(viewOf),
    }),
  })
  app.post('/v1/email-accounts/:id/thread-changes/:change/undo', {
    config: { permission: 'messages:write' },
    schema: {
      tags,
      summary: 'Undo a merge or a split of threads',
      description: 'What messages themselves have connected since stays together.',
      params: ofAccount.extend({ change: z.coerce.number().int().min(1).describe('Number of the change') }),
      response: { 200: changeView, ...problems },
    },
    handler: async (request, reply) => {
      const { id, change } = request.params
      const handled = await commands.undoThreadChange(request.caller, id, change)
      const done = handled.state.changes.find((each) => each.change === change)
      if (!done) throw new NotFound('thread change', String(change))
      return answered(reply, handled, viewOf(done))
    },
  })
}
