import { z } from 'zod'
import type { requestSync } from '../../commands/accounts/request-sync.ts'
import type { Clock } from '../../commands/ports/clock.ts'
import { accountId } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { syncErrors, type SyncErrorRow } from '../../projections/sync/sync-errors.ts'
import { statusOf, syncHistory, type FailureRow, type RunRow } from '../../projections/sync/sync-history.ts'
import { syncStatus, type SyncStatus } from '../../projections/sync/sync-status.ts'
import { messageRef } from './messages.ts'
import { pageOf, pageQuery, readCursor, toPage } from '../server/pages.ts'
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
  stored: z.int().describe('Is the sum of sent, received and drafts'),
  known: z.int(),
  excluded: z.int(),
  failed: z.int(),
  flagsChanged: z.int(),
  removed: z.int().describe('Have left the mailbox; what was moved is not among them'),
  sent: z.int(),
  received: z.int(),
  drafts: z.int(),
  rules: z.array(z.object({ pattern: z.string(), count: z.int() })).describe('What kept messages out'),
})
const runView = z
  .object({
    number: z.int(),
    time: z.string(),
    finishedAt: z.string().nullable(),
    trigger: z.string(),
    direction: z.enum(['Both', 'Receive', 'Send']),
    count: z.int().describe('Messages that were new, without drafts'),
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

const toStatusView = (status: SyncStatus, now: Date): z.infer<typeof statusView> => {
  const { emailsSynced, todaysSends, todaysSendsElsewhere, todaysReceives, ...rest } = status
  const statistics = { emailsSynced, todaysSends, todaysSendsElsewhere, todaysReceives }
  return { ...rest, lastSync: timeAgo(status.lastSyncAt, now), statistics }
}

const directions = { both: 'Both', receive: 'Receive', send: 'Send' } as const

const toRunView = (row: RunRow): z.infer<typeof runView> => ({
  number: row.number,
  time: row.started_at,
  finishedAt: row.finished_at,
  trigger: row.trigger,
  direction: directions[row.direction as keyof typeof directions],
  count: row.stored,
  failed: row.failed,
  status: statusOf(row),
  detail: row.detail,
  remedy: row.remedy,
  folders: row.folders,
})

const toErrorView = (row: SyncErrorRow): z.infer<typeof errorView> => ({
  kind: row.kind === 'withheld' ? 'withheld' : 'unreadable',
  messageId: row.message_id,
  folder: row.folder,
  ref: row.ref,
  reason: row.reason,
  attempts: row.attempts,
  firstAt: row.first_at,
  lastAt: row.last_at,
})

export type SyncRouteDeps = {
  requestSync: ReturnType<typeof requestSync>
  /** `userId`: for whom it is asked; others' own accounts are not there for them. Null: for nobody in particular. */
  findSyncStatus: (accountId: string, now: Date, userId: string | null) => Promise<SyncStatus | undefined>
  listRuns: (accountId: string, before: number | null, limit: number) => Promise<RunRow[]>
  findRun: (accountId: string, number: number) => Promise<(RunRow & { failures: FailureRow[] }) | undefined>
  listSyncErrors: (
    accountId: string,
    after: readonly [string, string] | null,
    limit: number,
  ) => Promise<SyncErrorRow[]>
  clock: Clock
}

/** Sync of an account: how it is doing, what its runs did, what failed, and a run on demand. */
export const syncRoutes = (app: App, deps: SyncRouteDeps): void => {
  const tags = ['Sync']
  const byAccount = z.object({ id: accountId })
  const requireAccount = async (id: string, userId: string | null): Promise<SyncStatus> => {
    const status = await deps.findSyncStatus(id, deps.clock(), userId)
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
    handler: async ({ params, actingUser }) =>
      toStatusView(await requireAccount(params.id, actingUser), deps.clock()),
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
      await requireAccount(params.id, actingUser)
      const [before] = readCursor(query.cursor, ['integer']) ?? [null]
      const rows = await deps.listRuns(params.id, before, query.limit + 1)
      return toPage(rows, query.limit, (row) => [row.number], toRunView)
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
      await requireAccount(params.id, actingUser)
      const row = await deps.findRun(params.id, params.number)
      if (!row) throw new NotFound('sync run', String(params.number))
      const failures = row.failures.map(({ folder, ref, reason, attempts, message_id }) => {
        return { folder, ref, reason, attempts, messageId: message_id }
      })
      return { ...toRunView(row), failures }
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
      const handled = await deps.requestSync(request.caller, request.params.id)
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
      await requireAccount(params.id, actingUser)
      const after = readCursor(query.cursor, ['instant', 'text'])
      const rows = await deps.listSyncErrors(params.id, after, query.limit + 1)
      return toPage(rows, query.limit, (row) => [row.last_at, row.id], toErrorView)
    },
  })
}
