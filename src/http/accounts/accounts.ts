import { z } from 'zod'
import type { AccountCommands } from '../../commands/accounts/accounts.ts'
import type { Clock } from '../../commands/ports/clock.ts'
import {
  testStep,
  type Connection,
  type ConnectionForms,
  type EnteredConnection,
} from '../../domain/accounts/connection.ts'
import {
  accessLevel,
  accountId,
  accountSettings,
  owner,
  settingsChange,
} from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { crmId } from '../../domain/directory/events.ts'
import { address, folderRole } from '../../domain/mail.ts'
import type { AccountQueries } from '../../projections/accounts/accounts.ts'
import type { SyncQueries } from '../../projections/sync/sync.ts'
import { statusView } from '../server/account-status.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, searchIn, sortBy } from '../server/pages.ts'
import { answered, problems, type App } from '../server/server.ts'
import { askedRevision, requiredRevision } from '../server/versions.ts'

// Each form has a literal `provider`, which says which of the forms applies.
const oneOf = <Value>(forms: readonly z.ZodObject[], description: string): z.ZodType<Value> =>
  z
    .discriminatedUnion('provider', forms as [z.ZodObject, ...z.ZodObject[]])
    .describe(description) as unknown as z.ZodType<Value>

const viewOf = (connection: z.ZodType<Connection>) =>
  z
    .object({
      id: z.string(),
      address: z.string(),
      provider: z.string().describe('The kind of connection as shown to people, such as `IMAP`'),
      owner,
      user: z.string().describe("The owner's name, or `Team`"),
      ...statusView,
      isDefault: z.boolean(),
      access: accessLevel.describe('What you may do with it. ' + (accessLevel.description ?? '')),
      settings: accountSettings,
      connection,
      signature: z.string(),
      lastTest: z.object({ at: z.string(), ok: z.boolean(), steps: z.array(testStep) }).nullable(),
      lastSyncAt: z.string().nullable().describe('When its mailbox was last read; null if it never was'),
      connectedAt: z.string(),
    })
    .meta({ id: 'EmailAccount' })
const foldersView = z
  .object({
    folders: z.array(
      z.object({
        path: z.string().describe('As used in the settings `folders` and `folderRoles`'),
        role: folderRole.nullable(),
        isChosen: z.boolean().describe('The settings name it, by path or role'),
        canOpen: z.boolean().describe('False if it only contains other folders'),
      }),
    ),
    missing: z
      .array(z.string())
      .describe('Roles and paths in the settings for which the mailbox has no folder'),
  })
  .meta({ id: 'MailboxFolders' })
const team = { kind: 'team' } as const
const VERSION_OF_CHOICE =
  "The version is that of the owner's choice, as the last answer of this operation gave it, and not that of the account."
const allowDuplicate = z
  .boolean()
  .default(false)
  .describe('Connect even if another account is connected to the same mailbox')
const changed = z.object({ id: z.string() })
const testResult = z.object({ ok: z.boolean(), steps: z.array(testStep) })
const reason = z.object({ reason: z.string().max(500).default('') })

export type EmailAccountRouteDeps = {
  readonly commands: AccountCommands
  readonly queries: AccountQueries
  readonly providers: readonly { readonly forms: ConnectionForms }[]
  readonly sync: Pick<SyncQueries, 'figuresToday' | 'readModels'>
  readonly clock: Clock
  readonly signal: AbortSignal
}

export const emailAccountRoutes = (
  app: App,
  { commands, queries, sync, providers, clock, signal }: EmailAccountRouteDeps,
): void => {
  const tags = ['Email accounts']
  const byId = z.object({ id: accountId })
  const forms = providers.map((provider) => provider.forms)
  const entered = oneOf<EnteredConnection>(
    forms.map((form) => form.entered),
    'How the mailbox is reached, depending on `provider`. Secrets are write-only: they are never returned',
  )
  const view = viewOf(
    oneOf<Connection>(
      forms.map((form) => form.recorded),
      'How the mailbox is reached, depending on `provider`, without secrets',
    ),
  )

  app.post('/v1/connection-tests', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Test a connection before saving an account',
      description: 'Step by step; each failed step says what to do. Nothing is stored.',
      body: z.object({ connection: entered }),
      response: { 200: testResult, ...problems },
    },
    handler: ({ body }) => commands.testConnection(body.connection, signal),
  })
  app.post('/v1/email-accounts', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Connect a mailbox',
      description:
        'The connection is tested first. A mailbox that is already connected (the same server and user name, or the same address of the same owner) is refused as `already-connected`.',
      body: z.object({
        address,
        owner,
        connection: entered,
        allowDuplicate,
        settings: accountSettings.partial().default({}),
      }),
      response: { 201: changed, ...problems },
    },
    handler: async (request, reply) => {
      const handled = await commands.connect(request.caller, request.body, signal)
      const id = handled.state.status === 'none' ? '' : handled.state.accountId
      void reply.status(201).header('location', `/v1/email-accounts/${id}`)
      return answered(reply, handled, { id })
    },
  })
  app.get('/v1/email-accounts', {
    config: {
      permission: 'accounts:read',
      reads: [queries.readModels.accountList, sync.readModels.syncStatus],
    },
    schema: {
      tags,
      summary: 'List email accounts',
      querystring: pageQuery.extend({
        include_disconnected: z.stringbool().default(false).describe('Include disconnected accounts'),
        owner: z
          .union([z.literal('team'), crmId])
          .optional()
          .describe("The team's, or those of this user"),
        provider: z.string().max(50).optional().describe('Only accounts of this `connection.provider`'),
        status: statusView.status.optional().describe('Only accounts with this status'),
        search: searchIn("Part of the address, of the display name or of the owner's name"),
        sort: sortBy(['connectedAt', 'address', 'lastSyncAt', 'status'], 'connectedAt'),
      }),
      response: {
        200: pageOf(view).extend({
          figures: z.object({ connectedAccounts: z.int(), emailsSentToday: z.int() }),
        }),
        ...problems,
      },
    },
    handler: async ({ query, actingUser }) => {
      const { owner: whose, provider, status, search, sort, limit } = query
      const order = orderOf(sort)
      const after = readCursor(query, [
        order.by === 'address' || order.by === 'status' ? 'text' : 'instant',
        'text',
      ])
      const filter = {
        userId: actingUser,
        withDisconnected: query.include_disconnected || status === 'disconnected',
        owner:
          whose === undefined || whose === 'team' ? whose && team : { kind: 'user' as const, userId: whose },
        provider,
        status,
        search,
      }
      const accounts = await queries.list(filter, { ...order, after, limit: limit + 1 })
      const figures = {
        connectedAccounts: await queries.countConnected(filter),
        emailsSentToday: (await sync.figuresToday(await queries.idsOf(filter), clock())).sent,
      }
      return { ...pageFrom(accounts, query, (account) => queries.keyOf(order.by, account)), figures }
    },
  })
  app.get('/v1/email-accounts/:id', {
    config: { permission: 'accounts:read', reads: [queries.readModels.accountList], ifNoneMatch: true },
    schema: { tags, summary: 'Get an email account', params: byId, response: { 200: view, ...problems } },
    handler: async ({ params, actingUser }, reply) => {
      const found = await queries.find(params.id, actingUser)
      if (!found) throw new NotFound('email account', params.id)
      return answered(reply, { revision: found.revision, position: null }, found)
    },
  })
  app.get('/v1/email-accounts/:id/folders', {
    config: { permission: 'accounts:read' },
    schema: {
      tags,
      summary: "List the folders of an account's mailbox",
      description: 'Asks the mailbox itself, which can take a few seconds.',
      params: byId,
      response: { 200: foldersView, ...problems },
    },
    handler: async ({ params, actingUser }) => {
      const { folders, missing } = await commands.listFolders(params.id, actingUser, signal)
      return { folders, missing: [...missing] }
    },
  })
  app.patch('/v1/email-accounts/:id/settings', {
    config: { permission: 'accounts:write', ifMatch: 'required' },
    schema: {
      tags,
      summary: 'Change settings; needs If-Match',
      params: byId,
      body: settingsChange,
      response: { 200: accountSettings, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await commands.changeSettings(
        request.caller,
        id,
        request.body,
        requiredRevision(request),
      )
      if (handled.state.status === 'none') throw new NotFound('email account', id)
      return answered(reply, handled, handled.state.settings)
    },
  })
  app.put('/v1/email-accounts/:id/connection', {
    config: { permission: 'accounts:write', ifMatch: 'required' },
    schema: {
      tags,
      summary: 'Change how the mailbox is reached; needs If-Match',
      description: 'It is tested first. Secrets that are left out stay as they are.',
      params: byId,
      body: z.object({ connection: entered, allowDuplicate }),
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      const input = { accountId: request.params.id, ...request.body }
      const revision = requiredRevision(request)
      const handled = await commands.changeConnection(request.caller, input, revision, signal)
      return answered(reply, handled, { id: input.accountId })
    },
  })
  app.put('/v1/email-accounts/:id/signature', {
    config: { permission: 'accounts:write', ifMatch: 'required' },
    schema: {
      tags,
      summary: 'Save the signature; needs If-Match',
      params: byId,
      body: z.object({ html: z.string().max(100_000) }),
      response: { 200: z.object({ html: z.string() }), ...problems },
    },
    handler: async (request, reply) => {
      const { html } = request.body
      const revision = requiredRevision(request)
      return answered(
        reply,
        await commands.changeSignature(request.caller, request.params.id, html, revision),
        {
          html,
        },
      )
    },
  })
  app.post('/v1/email-accounts/:id/connection-tests', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Test the connection of a saved account',
      params: byId,
      response: { 200: testResult, ...problems },
    },
    handler: async (request, reply) => {
      const { handled, ok, steps } = await commands.test(
        request.caller,
        request.params.id,
        signal,
        askedRevision(request),
      )
      return answered(reply, handled, { ok, steps })
    },
  })
  app.post('/v1/email-accounts/:id/pause', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Pause an account',
      params: byId,
      body: reason,
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await commands.pause(request.caller, id, request.body.reason, askedRevision(request))
      return answered(reply, handled, { id })
    },
  })
  app.post('/v1/email-accounts/:id/resume', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: { tags, summary: 'Resume an account', params: byId, response: { 200: changed, ...problems } },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await commands.resume(request.caller, id, askedRevision(request))
      return answered(reply, handled, { id })
    },
  })
  app.post('/v1/email-accounts/:id/disconnect', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: 'Disconnect an account and destroy its credentials',
      description:
        'Synced mail and history stay. This cannot be undone; the mailbox can only be connected again as a new account.',
      params: byId,
      body: reason,
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await commands.disconnect(
        request.caller,
        id,
        request.body.reason,
        askedRevision(request),
      )
      return answered(reply, handled, { id })
    },
  })
  app.put('/v1/email-accounts/:id/default', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: "Make the account its owner's default",
      description: VERSION_OF_CHOICE,
      params: byId,
      response: { 200: z.object({ accountId: z.string().nullable() }), ...problems },
    },
    handler: async (request, reply) => {
      const handled = await commands.chooseDefault(request.caller, request.params.id, askedRevision(request))
      return answered(reply, handled, handled.state)
    },
  })
  app.delete('/v1/email-accounts/:id/default', {
    config: { permission: 'accounts:write', ifMatch: 'optional' },
    schema: {
      tags,
      summary: "Clear its owner's default account",
      description: VERSION_OF_CHOICE,
      params: byId,
      response: { 200: z.object({ accountId: z.string().nullable() }), ...problems },
    },
    handler: async (request, reply) => {
      const handled = await commands.unsetDefault(request.caller, request.params.id, askedRevision(request))
      return answered(reply, handled, handled.state)
    },
  })
}
