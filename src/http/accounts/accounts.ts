import { z } from 'zod'
import type { changeServers } from '../../commands/accounts/change-servers.ts'
import type { changeSettings } from '../../commands/accounts/change-settings.ts'
import type { changeSignature } from '../../commands/accounts/change-signature.ts'
import type { chooseDefaultAccount } from '../../commands/accounts/choose-default-account.ts'
import type { connectAccount } from '../../commands/accounts/connect-account.ts'
import type { disconnectAccount } from '../../commands/accounts/disconnect-account.ts'
import type { pauseAccount } from '../../commands/accounts/pause-account.ts'
import type { resumeAccount } from '../../commands/accounts/resume-account.ts'
import type { testAccount } from '../../commands/accounts/test-account.ts'
import type { Handled } from '../../commands/handle.ts'
import { Secret } from '../../commands/ports/credentials.ts'
import type { ConnectionTester } from '../../commands/ports/mail-provider.ts'
import { accountId, accountSettings, mailServer, owner, testStep } from '../../domain/accounts/events.ts'
import { NotFound } from '../../domain/decider.ts'
import { address } from '../../domain/mail.ts'
import { accountList, type AccountRow } from '../../projections/accounts/account-list.ts'
import { pageOf, pageQuery, readCursor, toPage } from '../server/pages.ts'
import { answered, problems, requiredRevision, type App } from '../server/server.ts'

// Neither protocol can carry them; most come from a line break that was copied along.
const noControls = [/^\P{Cc}*$/u, 'has a control character'] as const
const password = z
  .string()
  .min(1)
  .max(1000)
  .regex(...noControls)
  .describe('Write-only: it is never given back')
const login = mailServer.extend({ username: mailServer.shape.username.regex(...noControls) })
const serverWithPassword = login.extend({ password })
const serverMaybePassword = login.extend({
  password: password.optional().describe('Left out: the kept one stays'),
})

const providerNames = { smtp: 'SMTP', imap: 'IMAP' } as const
const view = z
  .object({
    id: z.string(),
    address: z.string(),
    provider: z.enum(['SMTP', 'IMAP']),
    owner,
    user: z.string().describe("The owner's name, or Team"),
    status: z.enum(['active', 'degraded', 'failing', 'paused', 'disconnected']),
    statusDetail: z.string().nullable(),
    remedy: z.string().nullable(),
    isDefault: z.boolean(),
    settings: accountSettings,
    smtp: mailServer.nullable(),
    imap: mailServer.nullable(),
    signature: z.string(),
    lastTest: z.object({ at: z.string(), ok: z.boolean(), steps: z.array(testStep) }).nullable(),
    connectedAt: z.string(),
  })
  .meta({ id: 'EmailAccount' })
const changed = z.object({ id: z.string(), status: z.string() })
const testResult = z.object({ ok: z.boolean(), steps: z.array(testStep) })
const reason = z.object({ reason: z.string().max(500).default('') })

const toView = (row: AccountRow): z.infer<typeof view> => {
  const running = row.status === 'active' && row.health.state !== 'ok'
  return {
    id: row.id,
    address: row.address,
    provider: providerNames[row.provider === 'smtp' ? 'smtp' : 'imap'],
    owner: row.owner_user === null ? { kind: 'team' } : { kind: 'user', userId: row.owner_user },
    user: row.owner_user === null ? 'Team' : (row.owner_name ?? row.owner_user),
    status: (running ? row.health.state : row.status) as z.infer<typeof view>['status'],
    statusDetail: running ? row.health.detail : row.status_reason,
    remedy: running ? row.health.remedy : null,
    isDefault: row.is_default,
    settings: row.settings,
    smtp: row.smtp,
    imap: row.imap,
    signature: row.signature,
    lastTest: row.last_test,
    connectedAt: row.connected_at,
  }
}

export type EmailAccountDeps = {
  connectAccount: ReturnType<typeof connectAccount>
  changeServers: ReturnType<typeof changeServers>
  changeSettings: ReturnType<typeof changeSettings>
  changeSignature: ReturnType<typeof changeSignature>
  testAccount: ReturnType<typeof testAccount>
  pauseAccount: ReturnType<typeof pauseAccount>
  resumeAccount: ReturnType<typeof resumeAccount>
  disconnectAccount: ReturnType<typeof disconnectAccount>
  chooseDefaultAccount: ReturnType<typeof chooseDefaultAccount>
  tester: ConnectionTester
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
  const withSecret = <S extends { password: string }>(server: S) => ({
    ...server,
    password: new Secret(server.password),
  })
  const statusOf = (id: string, handled: Handled<{ readonly status: string }>) => ({
    id,
    status: handled.state.status,
  })

  app.post('/v1/connection-tests', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Try mail servers before saving an account',
      description: 'Step by step; each failed step says what to do. Nothing is kept.',
      body: z.object({ smtp: serverWithPassword.nullable(), imap: serverWithPassword.nullable() }),
      response: { 200: testResult, ...problems },
    },
    handler: async ({ body }) =>
      deps.tester.test(
        { smtp: body.smtp && withSecret(body.smtp), imap: body.imap && withSecret(body.imap) },
        deps.signal,
      ),
  })
  app.post('/v1/email-accounts', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Connect a mailbox over SMTP and IMAP',
      description:
        'The servers are tried first. Without `imap` the account only sends, without `smtp` it only receives.',
      body: z.object({
        provider: z.enum(['smtp', 'imap']).default('smtp'),
        address,
        owner,
        smtp: serverWithPassword.nullable(),
        imap: serverWithPassword.nullable(),
        settings: accountSettings.partial().default({}),
      }),
      response: { 201: changed, ...problems },
    },
    handler: async (request, reply) => {
      const { smtp, imap, ...rest } = request.body
      const input = { ...rest, smtp: smtp && withSecret(smtp), imap: imap && withSecret(imap) }
      const handled = await deps.connectAccount(request.caller, input, deps.signal)
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
      const page = toPage(rows, query.limit, (row) => [row.connected_at, row.id], toView)
      return { ...page, figures: await deps.figures(actingUser) }
    },
  })
  app.get('/v1/email-accounts/:id', {
    config: { permission: 'accounts:read', reads: [accountList] },
    schema: { tags, summary: 'Get an email account', params: byId, response: { 200: view, ...problems } },
    handler: async ({ params, actingUser }, reply) => {
      const row = await deps.findAccount(params.id, actingUser)
      if (!row) throw new NotFound('email account', params.id)
      return answered(reply, { revision: row.revision, position: null }, toView(row))
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
  app.put('/v1/email-accounts/:id/servers', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Change servers, user names or passwords; needs If-Match',
      params: byId,
      body: z.object({ smtp: serverMaybePassword.nullable(), imap: serverMaybePassword.nullable() }),
      response: { 200: changed, ...problems },
    },
    handler: async (request, reply) => {
      const secret = <S extends { password?: string | undefined }>(server: S | null) =>
        server && { ...server, password: server.password === undefined ? null : new Secret(server.password) }
      const input = {
        accountId: request.params.id,
        smtp: secret(request.body.smtp),
        imap: secret(request.body.imap),
      }
      const handled = await deps.changeServers(request.caller, input, requiredRevision(request), deps.signal)
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
      summary: 'Try the servers of a saved account',
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
      summary: 'Disconnect an account and destroy its passwords',
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
