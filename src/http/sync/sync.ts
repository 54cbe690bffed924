import { z } from 'zod'
import type { AccountCommands } from '../../commands/accounts/accounts.ts'
import type { Clock } from '../../commands/ports/clock.ts'
import { accountId, excludePattern } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { folderTrouble, whyNotHere } from '../../domain/sync/events.ts'
import type { AccountQueries } from '../../projections/accounts/accounts.ts'
import type { SyncQueries } from '../../projections/sync/sync.ts'
import { statusView } from '../server/account-status.ts'
import { backfillView, progressView } from './backfill.ts'
import { messageRef } from './messages.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, sortBy, timesOf } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision } from '../server/versions.ts'
import { timeAgo } from '../server/time-ago.ts'

const syncStatusView = z
  .object({
    accountId: z.string(),
    address: z.string(),
    ...statusView,
    running: z.boolean(),
    firstSync: z
      .array(progressView)
      .readonly()
      .describe('How far the mailbox has been read the first time; empty once it has been read to its end'),
    lastSync: z.string().describe('In words, such as "2 minutes ago"'),
    lastSyncAt: z.string().nullable(),
    backfill: backfillView.nullable().describe('The latest request for older mail; null if there was none'),
    unreadable: z.int().describe('Messages that could not be read and that nobody has decided about'),
    withheld: z.int().describe('Messages that the mailbox lists but that could not be fetched or stored'),
    storage: z
      .object({
        used: z.int().describe('How many bytes the mailbox holds'),
        limit: z.int().describe('How many it may hold'),
      })
      .nullable()
      .describe('How full the mailbox is; null where it does not say'),
    statistics: z.object({
      emailsSynced: z.int(),
      todaysSends: z.int().describe('Emails sent from here today, in the time zone of the organisation'),
      todaysSendsElsewhere: z.int().describe('Mail sent with other programs today and found in the mailbox'),
      todaysReceives: z.int(),
    }),
    timeZone: z.string(),
  })
  .meta({ id: 'SyncStatus' })

const folderView = z.object({
  folder: z.string(),
  listed: z.int().describe('The sum of stored, known, excluded and failed'),
  stored: z.int().describe('The sum of sent, received and drafts'),
  known: z.int(),
  excluded: z.int(),
  failed: z.int(),
  flagsChanged: z.int(),
  removed: z.int().describe('Messages that have left the mailbox; moved ones are not among them'),
  sent: z.int(),
  received: z.int(),
  drafts: z.int(),
  rules: z
    .array(
      z.object({
        reason: z
          .enum(['pattern', 'no-known-contact'])
          .describe(
            '`no-known-contact`: the account keeps only mail with known contacts, and nobody on it is one',
          ),
        pattern: excludePattern.nullable(),
        count: z.int(),
      }),
    )
    .describe('What excluded messages, and how many'),
})
const runStatus = z.enum(['running', 'success', 'partial', 'failed', 'stopped', 'interrupted'])
const runView = z
  .object({
    number: z.int(),
    time: z.string(),
    finishedAt: z.string().nullable(),
    trigger: z.string(),
    direction: z.enum(['Both', 'Receive', 'Send']),
    count: z.int().describe('New messages, not counting drafts'),
    failed: z.int(),
    status: z
      .string()
      .describe(
        '`Success`, `Partial` (with what is missing), `Failed`, `Stopped`, `Interrupted` or `Running`',
      ),
    detail: z.string().nullable(),
    remedy: z.string().nullable(),
    folders: z.array(folderView),
    troubles: z.array(folderTrouble).describe('Folders that could not be read'),
    missingFolders: z
      .array(z.string())
      .describe('Roles and paths that the settings name, and that the mailbox has no folder for'),
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
      .enum(['unreadable', ...whyNotHere.options])
      .describe(
        '`unreadable`: its bytes are kept; retry or skip it. `withheld`: the mailbox does not hand it out. `too-large`: larger than Mailtrail takes. `not-stored`: storing it failed. The last three are requested again until you dismiss them.',
      ),
    messageId: z.string().nullable().describe('For retrying or skipping the message'),
    folder: z.string(),
    ref: messageRef,
    reason: z.string(),
    attempts: z.int(),
    firstAt: z.string(),
    lastAt: z.string(),
  })
  .meta({ id: 'SyncError' })

export type SyncRouteDeps = {
  readonly accounts: {
    readonly commands: Pick<AccountCommands, 'requestSync' | 'dismissWithheld'>
    readonly queries: Pick<AccountQueries, 'find' | 'readModels'>
  }
  readonly queries: SyncQueries
  readonly clock: Clock
}

/** Sync of an account: how it is doing, what its runs did, what failed, and runs on demand. */
export const syncRoutes = (app: App, { accounts, queries, clock }: SyncRouteDeps): void => {
  const { accountList } = accounts.queries.readModels
  const { syncStatus, syncHistory, syncErrors, backfills } = queries.readModels
  const tags = ['Sync']
  const byAccount = z.object({ id: accountId })
  const requireAccount = async (id: string, userId: string | null) => {
    const account = await accounts.queries.find(id, userId)
    if (!account) throw new NotFound('email account', id)
    return account
  }

  app.get('/v1/email-accounts/:id/sync-status', {
    config: { permission: 'accounts:read', reads: [accountList, syncStatus, backfills] },
    schema: {
      tags,
      summary: "Get the state of an account's sync",
      params: byAccount,
      response: { 200: syncStatusView, ...problems },
    },
    handler: async ({ params, actingUser }) => {
      const account = await requireAccount(params.id, actingUser)
      const { id, address, status, reasons, nextTryAt, firstSync, unreadable, withheld, storage } = account
      const now = clock()
      const figures = await queries.findFigures(id, now)
      if (!figures) throw new NotFound('email account', id)
      const lastSync = timeAgo(figures.lastSyncAt, now)
      const state = { status, reasons, nextTryAt, firstSync, unreadable, withheld, storage }
      const backfill = await queries.findBackfill(id)
      return { accountId: id, address, ...state, backfill, ...figures, lastSync }
    },
  })
  app.get('/v1/email-accounts/:id/sync-runs', {
    config: { permission: 'accounts:read', reads: [syncHistory, accountList] },
    schema: {
      tags,
      summary: "List an account's sync runs",
      params: byAccount,
      querystring: pageQuery.extend({
        status: runStatus.optional().describe('Only runs that ended like this, or `running` ones'),
        ...timesOf('started'),
        sort: sortBy(['time'], '-time'),
      }),
      response: { 200: pageOf(runView), ...problems },
    },
    handler: async ({ params, query, actingUser }) => {
      await requireAccount(params.id, actingUser)
      const { status, from, to, sort, limit } = query
      const after = readCursor(query, ['instant', 'integer'])
      const filter = { accountId: params.id, status, from, to }
      const runs = await queries.listRuns(filter, { ...orderOf(sort), after, limit: limit + 1 })
      return pageFrom(runs, query, ({ time, number }) => [time, number])
    },
  })
  app.get('/v1/email-accounts/:id/sync-runs/:number', {
    config: { permission: 'accounts:read', reads: [syncHistory, accountList] },
    schema: {
      tags,
      summary: 'Get a sync run with the messages that failed in it',
      params: byAccount.extend({
        number: z.coerce
          .number()
          .int()
          .min(1)
          .max(2 ** 31 - 1)
          .describe('Number of the run; each account counts its own'),
      }),
      response: { 200: runView.extend({ failures: z.array(failureView) }), ...problems },
    },
    handler: async ({ params, actingUser }) => {
      await requireAccount(params.id, actingUser)
      const run = await queries.findRun(params.id, params.number)
      if (!run) throw new NotFound('sync run', String(params.number))
      return run
    },
  })
  app.post('/v1/email-accounts/:id/sync-runs', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Sync now',
      description: 'Answers right away; the run appears in the history when it starts.',
      params: byAccount,
      response: { 202: z.object({ accountId: z.string() }), ...problems },
    },
    handler: async (request, reply) => {
      const handled = await accounts.commands.requestSync(
        request.caller,
        request.params.id,
        askedRevision(request),
      )
      return answered(reply.status(202), handled, { accountId: request.params.id })
    },
  })
  app.get('/v1/email-accounts/:id/sync-errors', {
    config: { permission: 'accounts:read', reads: [syncErrors, accountList] },
    schema: {
      tags,
      summary: 'List messages that could not be synced',
      params: byAccount,
      querystring: pageQuery.extend({
        kind: errorView.shape.kind.optional(),
        folder: z.string().min(1).max(500).optional().describe('Only those in the folder with this path'),
        ...timesOf('last tried'),
        sort: sortBy(['lastAt'], '-lastAt'),
      }),
      response: { 200: pageOf(errorView), ...problems },
    },
    handler: async ({ params, query, actingUser }) => {
      await requireAccount(params.id, actingUser)
      const { kind, folder, from, to, sort, limit } = query
      const after = readCursor(query, ['instant', 'text'])
      const filter = { accountId: params.id, kind, folder, from, to }
      const errors = await queries.listErrors(filter, { ...orderOf(sort), after, limit: limit + 1 })
      return pageFrom(errors, query, ({ lastAt, id }) => [lastAt, id])
    },
  })
  app.post('/v1/email-accounts/:id/sync-errors/dismissals', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Dismiss a message that could not be fetched or stored',
      description: 'It is no longer an error and is not requested again. Skip unreadable messages instead.',
      params: byAccount,
      body: z.object({ folder: z.string(), ref: messageRef }),
      response: { 200: z.object({ accountId: z.string() }), ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await accounts.commands.dismissWithheld(
        request.caller,
        id,
        request.body,
        askedRevision(request),
      )
      return answered(reply, handled, { accountId: id })
    },
  })
}
