import { z } from 'zod'
import type { changeConnection } from '../../commands/accounts/change-connection.ts'
import type { changeSettings } from '../../commands/accounts/change-settings.ts'
import type { changeSignature } from '../../commands/accounts/change-signature.ts'
import type { chooseDefaultAccount } from '../../commands/accounts/choose-default-account.ts'
import type { connectAccount } from '../../commands/accounts/connect-account.ts'
import type { disconnectAccount } from '../../commands/accounts/disconnect-account.ts'
import type { pauseAccount } from '../../commands/accounts/pause-account.ts'
import type { resumeAccount } from '../../commands/accounts/resume-account.ts'
import type { testAccount, testConnection } from '../../commands/accounts/test-account.ts'
import type { Handled } from '../../commands/handle.ts'
import {
  testStep,
  type Connection,
  type ConnectionForms,
  type EnteredConnection,
} from '../../domain/accounts/connection.ts'
import { accountId, accountSettings, owner } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { address } from '../../domain/mail.ts'
import { accountList, type AccountRow } from '../../projections/accounts/account-list.ts'
import { pageOf, pageQuery, readCursor, toPage } from '../server/pages.ts'
import { answered, problems, requiredRevision, type App } from '../server/server.ts'

/** What is to be known of a mail provider here. `title`: what people call an account with this connection. */
type ProviderForms = {
  readonly forms: ConnectionForms
  readonly title: (connection: Connection) => string
}

// The providers say in their forms that `provider` is a literal, by which one form of several is chosen.
const oneOf = <Value>(forms: readonly z.ZodObject[], description: string): z.ZodType<Value> =>
  z
    .discriminatedUnion('provider', forms as [z.ZodObject, ...z.ZodObject[]])
    .describe(description) as unknown as z.ZodType<Value>

const viewOf = (connection: z.ZodType<Connection>) =>
  z
    .object({
      id: z.string(),
      address: z.string(),
      provider: z.string().describe('What people call the kind of connection, such as `IMAP`'),
      owner,
      user: z.string().describe("The owner's name, or Team"),
      status: z.enum(['active', 'degraded', 'failing', 'paused', 'disconnected']),
      statusDetail: z.string().nullable(),
      remedy: z.string().nullable(),
      isDefault: z.boolean(),
      settings: accountSettings,
      connection,
      signature: z.string(),
      lastTest: z.object({ at: z.string(), ok: z.boolean(), steps: z.array(testStep) }).nullable(),
      connectedAt: z.string(),
    })
    .meta({ id: 'EmailAccount' })
type View = z.infer<ReturnType<typeof viewOf>>
const changed = z.object({ id: z.string(), status: z.string() })
const testResult = z.object({ ok: z.boolean(), steps: z.array(testStep) })
const reason = z.object({ reason: z.string().max(500).default('') })

const toView = (row: AccountRow, provider: string): View => {
  const running = row.status === 'active' && row.health.state !== 'ok'
  return {
    id: row.id,
    address: row.address,
    provider,
    owner: row.owner_user === null ? { kind: 'team' } : { kind: 'user', userId: row.owner_user },
    user: row.owner_user === null ? 'Team' : (row.owner_name ?? row.owner_user),
    status: (running ? row.health.state : row.status) as View['status'],
    statusDetail: running ? row.health.detail : row.status_reason,
    remedy: running ? row.health.remedy : null,
    isDefault: row.is_default,
    settings: row.settings,
    connection: row.connection,
    signature: row.signature,
    lastTest: row.last_test,
    connectedAt: row.connected_at,
  }
}

export type EmailAccountDeps = {
  connectAccount: ReturnType<typeof connectAccount>
  changeConnection: ReturnType<typeof changeConnection>
  changeSettings: ReturnType<typeof changeSettings>
  changeSignature: ReturnType<typeof changeSignature>
  testAccount: ReturnType<typeof testAccount>
  pauseAccount: ReturnType<typeof pauseAccount>
  resumeAccount: ReturnType<typeof resumeAccount>
  disconnectAccount: ReturnType<typeof disconnectAccount>
  chooseDefaultAccount: ReturnType<typeof chooseDefaultAccount>
  testConnection: ReturnType<typeof testConnection>
  providers: readonly ProviderForms[]
  titleOf: (connection: Connection) => string
  listAccounts: (
    after: [string, string] | null,
    limit: number,
    withDisconnected: boolean,
    userId: string | null,
  ) => Promise<AccountRow[]>
  /** `userId`: for whom it is asked; others' own accounts are not there for them. Null: for nobody in particular. */
  findAccount: (id: string, userId: string | null) => Promise<AccountRow | undefined>
  figures: (userId: string | null) => Promise<{ connectedAccounts: number; emailsSentToday: number }>
  signal: AbortSignal
}

export const emailAccountRoutes = (app: App, deps: EmailAccountDeps): void => {
  const tags = ['Email accounts']
  const byId = z.object({ id: accountId })
  const forms = deps.providers.map((provider) => provider.forms)
  const entered = oneOf<EnteredConnection>(
    forms.map((form) => form.entered),
    'How the mailbox is reached, by `provider`. Secrets are write-only: they are never given back',
  )
  const view = viewOf(
    oneOf<Connection>(
      forms.map((form) => form.recorded),
      'How the mailbox is reached, by `provider`, without secrets',
    ),
  )
  const shown = (row: AccountRow): View => toView(row, deps.titleOf(row.connection))
  const statusOf = (id: string, handled: Handled<{ readonly status: string }>) => ({
    id,
    status: handled.state.status,
  })

  app.post('/v1/connection-tests', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Try a connection before saving an account',
      description: 'Step by step; each failed step says what to do. Nothing is kept.',
      body: z.object({ connection: entered }),
      response: { 200: testResult, ...problems },
    },
    handler: ({ body }) => deps.testConnection(body.connection, deps.signal),
  })
  app.post('/v1/email-accounts', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Connect a mailbox',
      description: 'The connection is tried first.',
      body: z.object({
        address,
        owner,
        connection: entered,
        settings: accountSettings.partial().default({}),
      }),
      response: { 201: changed, ...problems },
    },
    handler: async (request, reply) => {
      const handled = await deps.connectAccount(request.caller, request.body, deps.signal)
      const id = handled.state.status === 'none' ? '' : handled.state.accountId
      void reply.status(201).header('location', `/v1/email-accounts/${id}`)
      return answered(reply, handled, statusOf(id, handled))
    },
  })
  app.get('/v1/email-accounts', {
    config: { permission: 'accounts:read', reads: [accountList] },
    schema: {
      tags,
      summary: 'List email accounts',
      querystring: pageQuery.extend({
        include_disconnected: z.stringbool().default(false).describe('Those too that were disconnected'),
      }),
      response: {
        200: pageOf(view).extend({
          figures: z.object({ connectedAccounts: z.int(), emailsSentToday: z.int() }),
        }),
        ...problems,
      },
    },
    handler: async ({ query, actingUser }) => {
      const after = readCursor(query.cursor, ['instant', 'text'])
      const rows = await deps.listAccounts(after, query.limit + 1, query.include_disconnected, actingUser)
      const page = toPage(rows, query.limit, (row) => [row.connected_at, row.id], shown)
      return { ...page, figures: await deps.figures(actingUser) }
    },
  })
  app.get('/v1/email-accounts/:id', {
    config: { permission: 'accounts:read', reads: [accountList] },
    schema: { tags, summary: 'Get an email account', params: byId, response: { 200: view, ...problems } },
    handler: async ({ params, actingUser }, reply) => {
      const row = await deps.findAccount(params.id, actingUser)
      if (!row) throw new NotFound('email account', params.id)
      return answered(reply, { revision: row.revision, position: null }, shown(row))
    },
  })
  app.patch('/v1/email-accounts/:id/settings', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Change settings; needs If-Match',
      params: byId,
      body: accountSettings.partial(),
      response: { 200: accountSettings, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await deps.changeSettings(request.caller, id, request.body, requiredRevision(request))
      if (handled.state.status === 'none') throw new NotFound('email account', id)
      return answered(reply, handled, handled.state.settings)
    },
  })
  app.put('/v1/email-accounts/:id/connection', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Change how the mailbox is reached; needs If-Match',
      description: 'It is tried first. Secrets that are left out stay as they are.',
      params: byId,
      body: z.object({ connection: entered }),
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      const input = { accountId: request.params.id, connection: request.body.connection }
      const revision = requiredRevision(request)
      const handled = await deps.changeConnection(request.caller, input, revision, deps.signal)
      return answered(reply, handled, statusOf(input.accountId, handled))
    },
  })
  app.put('/v1/email-accounts/:id/signature', {
    config: { permission: 'accounts:write' },
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
      return answered(reply, await deps.changeSignature(request.caller, request.params.id, html, revision), {
        html,
      })
    },
  })
  app.post('/v1/email-accounts/:id/connection-tests', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Try the connection of a saved account',
      params: byId,
      response: { 200: testResult, ...problems },
    },
    handler: async (request, reply) => {
      const { handled, ok, steps } = await deps.testAccount(request.caller, request.params.id, deps.signal)
      return answered(reply, handled, { ok, steps })
    },
  })
  app.post('/v1/email-accounts/:id/pause', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Pause an account',
      params: byId,
      body: reason,
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await deps.pauseAccount(request.caller, id, request.body.reason)
      return answered(reply, handled, statusOf(id, handled))
    },
  })
  app.post('/v1/email-accounts/:id/resume', {
    config: { permission: 'accounts:write' },
    schema: { tags, summary: 'Resume an account', params: byId, response: { 200: changed, ...problems } },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await deps.resumeAccount(request.caller, id)
      return answered(reply, handled, statusOf(id, handled))
    },
  })
  app.post('/v1/email-accounts/:id/disconnect', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Disconnect an account and destroy its credentials',
      description:
        'Synced mail and history stay. It cannot be undone: connect the mailbox again as a new account.',
      params: byId,
      body: reason,
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      const { id } = request.params
      const handled = await deps.disconnectAccount(request.caller, id, request.body.reason)
      return answered(reply, handled, statusOf(id, handled))
    },
  })
  app.put('/v1/email-accounts/:id/default', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: "Make it its owner's default account",
      params: byId,
      response: { 200: z.object({ accountId: z.string().nullable() }), ...problems },
    },
    handler: async (request, reply) => {
      const handled = await deps.chooseDefaultAccount(request.caller, request.params.id)
      return answered(reply, handled, handled.state)
    },
  })
}
