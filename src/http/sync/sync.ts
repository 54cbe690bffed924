import { z } from 'zod'
import type { AccountCommands } from '../../commands/accounts/accounts.ts'
import type { Clock } from '../../commands/ports/clock.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import type { SyncQueries } from '../../projections/sync/sync.ts'
import { messageRef } from './messages.ts'
import { pageFrom, pageOf, pageQuery, readCursor } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'
import { timeAgo } from '../server/time-ago.ts'

const statusView = z
  .object({
    accountId: z.string(),
    address: z.string(),
    status: z
      .enum(['connecting', 'active', 'degraded', 'needs-attention', 'paused', 'disconnected'])
      .describe(
        '`degraded`: something was missed, or time may mend it. `needs-attention`: a person must help.',
      ),
    running: z.boolean(),
    lastSync: z.string().describe('In words, as "2 minutes ago"'),
    lastSyncAt: z.string().nullable(),
    problem: z.object({ code: z.string(), detail: z.string(), remedy: z.string() }).nullable(),
    withheld: z.int().describe('Messages that the mailbox lists and does not hand out'),
    statistics: z.object({
      emailsSynced: z.int(),
      todaysSends: z.int().describe('Sent from here; the day is that of the time zone'),
      todaysSendsElsewhere: z.int().describe('Sent with other programs and met in the mailbox'),
      todaysReceives: z.int(),
    }),
    timeZone: z.string(),
  })
  .meta({ id: 'SyncStatus' })

const folderView = z.object({
  folder: z.string(),
  listed: z.int().describe('Is the sum of stored, known, excluded and failed'),
  stored: z.int(),
  known: z.int(),
  excluded: z.int(),
  failed: z.int(),
  flagsChanged: z.int(),
  removed: z.int(),
  sent: z.int(),
  received: z.int(),
  rules: z.array(z.object({ pattern: z.string(), count: z.int() })).describe('What kept messages out'),
})
const runView = z
  .object({
    number: z.int(),
    time: z.string(),
    finishedAt: z.string().nullable(),
    trigger: z.string(),
    direction: z.enum(['Both', 'Receive', 'Send']),
    count: z.int().describe('Messages that were new'),
    failed: z.int(),
    status: z.string().describe('Success, Partial (n failed), Failed, Interrupted or Running'),
    detail: z.string().nullable(),
    remedy: z.string().nullable(),
    folders: z.array(folderView),
  })
  .meta({ id: 'SyncRun' })
const failureView = z.object({
  folder: z.string(),
  ref: messageRef,
  reason: z.string(),
  attempts: z.int(),
  messageId: z.string().nullable(),
})
const errorView = z
  .object({
    kind: z
      .enum(['unreadable', 'withheld'])
      .describe('`unreadable`: kept raw, retry or skip it. `withheld`: the mailbox does not hand it out.'),
    messageId: z.string().nullable().describe('To retry or skip by'),
    folder: z.string(),
    ref: messageRef,
    reason: z.string(),
    attempts: z.int(),
    firstAt: z.string(),
    lastAt: z.string(),
  })
  .meta({ id: 'SyncError' })

export type SyncRouteDeps = {
  readonly accounts: Pick<AccountCommands, 'requestSync'>
  readonly queries: SyncQueries
  readonly clock: Clock
}

/** Sync of an account: how it is doing, what its runs did, what failed, and a run on demand. */
export const syncRoutes = (app: App, { accounts, queries, clock }: SyncRouteDeps): void => {
  const { syncStatus, syncHistory, syncErrors } = queries.readModels
  const tags = ['Sync']
  const byAccount = z.object({ id: accountId })
  const requireStatus = async (id: string, userId: string | null) => {
    const status = await queries.findStatus(id, clock(), userId)
    if (!status) throw new NotFound('email account', id)
    return status
  }

  app.get('/v1/email-accounts/:id/sync-status', {
    config: { permission: 'accounts:read', reads: [syncStatus] },
    schema: {
      tags,
      summary: "How an account's sync is doing",
      params: byAccount,
      response: { 200: statusView, ...problems },
    },
    handler: async ({ params, actingUser }) => {
      const status = await requireStatus(params.id, actingUser)
      return { ...status, lastSync: timeAgo(status.lastSyncAt, clock()) }
    },
  })
  app.get('/v1/email-accounts/:id/sync-runs', {
    config: { permission: 'accounts:read', reads: [syncHistory, syncStatus] },
    schema: {
      tags,
      summary: 'Sync history, newest first',
      params: byAccount,
      querystring: pageQuery,
      response: { 200: pageOf(runView), ...problems },
    },
    handler: async ({ params, query, actingUser }) => {
      await requireStatus(params.id, actingUser)
      const [before] = readCursor(query.cursor, ['integer']) ?? [null]
      const runs = await queries.listRuns(params.id, before, query.limit + 1)
      return pageFrom(runs, query.limit, ({ number }) => [number])
    },
  })
  app.get('/v1/email-accounts/:id/sync-runs/:number', {
    config: { permission: 'accounts:read', reads: [syncHistory, syncStatus] },
    schema: {
      tags,
      summary: 'One sync run, with the messages that failed in it',
      params: byAccount.extend({
        number: z.coerce
          .number()
          .int()
          .min(1)
          .max(2 ** 31 - 1)
          .describe('Of the run; each account counts its own'),
      }),
      response: { 200: runView.extend({ failures: z.array(failureView) }), ...problems },
    },
    handler: async ({ params, actingUser }) => {
      await requireStatus(params.id, actingUser)
      const run = await queries.findRun(params.id, params.number)
      if (!run) throw new NotFound('sync run', String(params.number))
      return run
    },
  })
  app.post('/v1/email-accounts/:id/sync-runs', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Sync now',
      description: 'Answers at once; the run shows in the history when it starts.',
      params: byAccount,
      response: { 202: z.object({ accountId: z.string() }), ...problems },
    },
    handler: async (request, reply) => {
      const handled = await accounts.requestSync(request.caller, request.params.id)
      return answered(reply.status(202), handled, { accountId: request.params.id })
    },
  })
  app.get('/v1/email-accounts/:id/sync-errors', {
    config: { permission: 'accounts:read', reads: [syncErrors, syncStatus] },
    schema: {
      tags,
      summary: 'Messages that could not be synced, the latest first',
      params: byAccount,
      querystring: pageQuery,
      response: { 200: pageOf(errorView), ...problems },
    },
    handler: async ({ params, query, actingUser }) => {
      await requireStatus(params.id, actingUser)
      const after = readCursor(query.cursor, ['instant', 'text'])
      const errors = await queries.listErrors(params.id, after, query.limit + 1)
      return pageFrom(errors, query.limit, ({ lastAt, id }) => [lastAt, id])
    },
  })
}
