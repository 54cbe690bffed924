import { z } from 'zod'
import type { AccountCommands } from '../../commands/accounts/accounts.ts'
import { accountId, accountSettings, owner } from '../../domain/accounts/events.ts'
import { signInId } from '../../domain/accounts/sign-in-events.ts'
import { NotFound } from '../../domain/decider.ts'
import { address } from '../../domain/mail.ts'
import { definedCodes } from '../../domain/refusal.ts'
import { answered, problems, type App } from '../server/server.ts'

const begun = z.object({
  id: signInId,
  url: z
    .string()
    .nullable()
    .describe(
      "Where the user's browser goes, once, within ten minutes. Null in a repeat under the same Idempotency-Key: if the first answer was lost, begin another sign-in",
    ),
  expiresAt: z.string(),
})
const view = z
  .object({
    id: signInId,
    provider: z.string().describe('The mail provider, as in `connection.provider`'),
    status: z
      .enum(['begun', 'started', 'granted', 'failed', 'expired', 'completed'])
      .describe(
        '`begun`: nobody has followed the link. `started`: the browser is with the provider. `granted`: it can be completed. `failed`: `problem` says why. `expired`: it took too long',
      ),
    accountId: accountId
      .nullable()
      .describe('The account that it is for, or that it has connected; null if there is none yet'),
    address: z.string().nullable().describe('The mailbox that was signed in to, while it can be completed'),
    granted: z.array(z.string()).describe('Permissions that the provider granted'),
    missing: z.array(z.string()).describe('Permissions that were asked for and not granted'),
    problem: z.object({ code: z.string(), detail: z.string(), remedy: z.string() }).nullable(),
  })
  .meta({ id: 'SignIn' })

type SignInRouteDeps = {
  readonly commands: AccountCommands
  readonly providers: readonly { readonly name: string }[]
  /** Where people reach the service. */
  readonly url: string
  readonly signal: AbortSignal
}

/** Connecting a mailbox by signing in with its provider: what the CRM calls. The browser's part is in `oauth.ts`. */
export const signInRoutes = (app: App, { commands, providers, url, signal }: SignInRouteDeps): void => {
  const tags = ['Email accounts']
  const byId = z.object({ id: signInId })

  app.post('/v1/sign-ins', {
    config: { permission: 'accounts:write', answersOnce: 'url' },
    schema: {
      tags,
      summary: 'Begin to sign in with a provider',
      description:
        'For providers that are connected by signing in, and to sign in again for an account of theirs. Send the browser of the acting user to `url`; when it is back, look at the sign-in and complete it.',
      body: z.object({
        provider: z.enum(providers.map(({ name }) => name)).describe('The mail provider'),
        owner: owner.optional().describe('Who will own the account; by default the acting user'),
        accountId: accountId
          .nullable()
          .default(null)
          .describe('To sign in again: its id, settings and history stay'),
        permissions: z
          .array(z.string().max(50))
          .max(20)
          .default([])
          .describe('Names of optional permissions to ask for; all others are asked for in any case'),
        address: address.nullable().default(null).describe('Which mailbox to suggest to the user'),
        returnTo: z
          .url({ protocol: /^https?$/ })
          .max(2000)
          .nullable()
          .default(null)
          .describe(
            'The page of the CRM that the browser is sent back to, with `sign_in` and the id in its query; null for a page that says how it went',
          ),
      }),
      response: { 201: begun, ...problems },
    },
    handler: async ({ body, caller, actingUser }, reply) => {
      const { owner: whose, permissions, ...asked } = body
      const input = {
        ...asked,
        owner: whose ?? { kind: 'user' as const, userId: actingUser ?? '' },
        optional: permissions,
      }
      const { signInId: id, link, expiresAt } = await commands.beginSignIn(caller, input)
      void reply.status(201).header('location', `/v1/sign-ins/${id}`)
      return { id, url: link === null ? null : `${url}/oauth/start/${link}`, expiresAt }
    },
  })
  app.get('/v1/sign-ins/:id', {
    config: { permission: 'accounts:read' },
    schema: {
      tags,
      summary: 'Look at a sign-in',
      description: 'Only the user who began it can.',
      params: byId,
      response: { 200: view, ...problems },
    },
    handler: async ({ params, actingUser }) => {
      const found = await commands.findSignIn(params.id, actingUser)
      const { granted = [], missing = [] } = found.status === 'granted' ? found : {}
      return {
        id: params.id,
        provider: found.provider,
        status: found.isExpired ? ('expired' as const) : statusOf(found.status),
        accountId: found.status === 'completed' ? found.connectedId : found.accountId,
        address: found.mailbox,
        granted: [...granted],
        missing: [...missing],
        problem: found.status === 'failed' ? problemOf(found.code) : null,
      }
    },
  })
  app.post('/v1/sign-ins/:id/complete', {
    config: { permission: 'accounts:write' },
    schema: {
      tags,
      summary: 'Complete a sign-in',
      description:
        'Connects the mailbox that was signed in to, or renews the access of the account that signs in again; only the user who began the sign-in can. The mailbox is tested first. A permission that was not granted disables only what needs it.',
      params: byId,
      body: z.object({
        settings: accountSettings.partial().default({}).describe('Of the new account'),
        allowDuplicate: z
          .boolean()
          .default(false)
          .describe('Connect even if another account is connected to the same mailbox'),
      }),
      response: { 200: z.object({ id: accountId }), ...problems },
    },
    handler: async ({ params, body, caller }, reply) => {
      const handled = await commands.completeSignIn(caller, { signInId: params.id, ...body }, signal)
      if (handled.state.status === 'none') throw new NotFound('sign-in', params.id)
      const { accountId: id } = handled.state
      void reply.header('location', `/v1/email-accounts/${id}`)
      return answered(reply, handled, { id })
    },
  })
}

const statusOf = <Status extends string>(status: Status) =>
  status === 'returned' ? 'started' : (status as Exclude<Status, 'returned'>)

const problemOf = (code: string) => {
  const { meaning, remedy } = definedCodes.get(code) ?? { meaning: '', remedy: '' }
  return { code, detail: meaning, remedy }
}
