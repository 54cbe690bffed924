import { z } from 'zod'
import type { AccessCommands } from '../../commands/access/access.ts'
import type { ApiKey, ApiKeyStore } from '../../commands/ports/api-keys.ts'
import type { AccountCommands } from '../../commands/accounts/accounts.ts'
import { accessLevel, accountId } from '../../domain/accounts/events.ts'
import { userOfKey } from '../../domain/ids.ts'
import type { AccountQueries } from '../../projections/accounts/accounts.ts'
import { crmId } from '../../domain/directory/events.ts'
import { actorView } from '../server/actor-view.ts'
import { newApiKey } from '../server/api-key-token.ts'
import { orderOf, pageFrom, pageOf, pageQuery, readCursor, searchIn, sortBy } from '../server/pages.ts'
import { defineProblem } from '../server/problems.ts'
import { problems, type App } from '../server/server.ts'
import { keyForm } from './key-form.ts'

const view = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.string()).readonly(),
  userId: z.string().nullable(),
  accounts: z
    .array(z.object({ accountId: z.string(), level: accessLevel }))
    .nullable()
    .describe('The accounts that the key is limited to; null if it is not'),
  expiresAt: z.string().nullable(),
  createdAt: z.string(),
  createdBy: actorView.nullable().describe('Who created it; null if that was not recorded'),
  lastUsedAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
  revokedBy: actorView.nullable().describe('Who revoked it; null if it was not'),
})

const isDistinct = (limits: readonly { readonly accountId: string }[]): boolean =>
  new Set(limits.map((each) => each.accountId)).size === limits.length

const form = keyForm.extend({
  accounts: z
    .array(z.object({ accountId, level: accessLevel }))
    .min(1)
    .max(100)
    .refine(isDistinct, 'names an account more than once')
    .nullable()
    .default(null)
    .describe(
      'Limits the key to these accounts, each at a level; null for a key that is not limited. Such a key acts as a user of its own, whose access can be changed like that of a member',
    ),
})

const created = z.object({
  id: z.string(),
  userId: z.string().nullable().describe('The user that the key acts for, or as; null for none'),
  token: z
    .string()
    .nullable()
    .describe(
      'Null in a repeat under the same Idempotency-Key: if the first answer was lost, revoke the key and create another',
    ),
})

type ApiKeyRouteDeps = {
  readonly commands: AccessCommands
  readonly apiKeys: Pick<ApiKeyStore, 'list'>
  readonly accounts: {
    readonly commands: Pick<AccountCommands, 'giveKeyAccess' | 'revokeKeyAccess'>
    readonly queries: Pick<AccountQueries, 'membershipsOf' | 'readModels'>
  }
}

/** Creates, lists and revokes API keys. A key's text appears only in the answer that creates it. */
export const apiKeyRoutes = (app: App, { commands, apiKeys, accounts }: ApiKeyRouteDeps): void => {
  const tags = ['API keys']
  app.post('/v1/api-keys', {
    config: { permission: 'keys:manage', answersOnce: 'token' },
    schema: {
      tags,
      summary: 'Create an API key; its token is shown once',
      body: form,
      response: { 201: created, ...problems },
    },
    handler: async ({ body, apiKey, caller }, reply) => {
      requireUnbound(apiKey)
      requireScopes(apiKey, body.scopes)
      const { accounts: limits, ...asked } = body
      if (limits !== null && asked.userId !== null) throw keyLimitedAndBound()
      const { id, token, hash } = newApiKey(caller.commandId)
      const userId = limits === null ? asked.userId : userOfKey(id)
      // Before the key is there, so that one whose access is refused never comes to be.
      await accounts.commands.giveKeyAccess(caller, id, limits ?? [])
      const isUsable = await commands.create(caller, { ...asked, id, userId }, hash)
      return reply.status(201).send({ id, userId, token: isUsable ? token.reveal() : null })
    },
  })
  app.get('/v1/api-keys', {
    config: { permission: 'keys:manage', reads: [accounts.queries.readModels.accountList] },
    schema: {
      tags,
      summary: 'List API keys',
      description:
        'A key that is bound to a user lists only itself. For an acting user, the keys that are bound to that user are ' +
        'listed; other callers see all.',
      querystring: pageQuery.extend({
        user: crmId.optional().describe('Only keys that are bound to this user'),
        status: z
          .enum(['active', 'expired', 'revoked'])
          .optional()
          .describe('Only keys that are accepted, that have expired, or that were revoked'),
        search: searchIn('Part of the name'),
        sort: sortBy(['createdAt', 'name'], 'createdAt'),
      }),
      response: { 200: pageOf(view), ...problems },
    },
    handler: async ({ query, apiKey, actingUser }) => {
      const { user, status, search, sort, limit } = query
      const order = orderOf(sort)
      const after = readCursor(query, [order.by === 'name' ? 'text' : 'instant', 'text'])
      const own = apiKey?.userId === null ? undefined : (apiKey?.id ?? '')
      const mine = own === undefined ? (actingUser ?? undefined) : undefined
      if (user !== undefined && mine !== undefined && user !== mine)
        return { data: [], nextCursor: null, hasMore: false }
      const filter = { id: own, userId: user ?? mine, status, search }
      const keys = await apiKeys.list(filter, { ...order, after, limit: limit + 1 })
      const memberships = await accounts.queries.membershipsOf(keys.map(({ id }) => userOfKey(id)))
      const shown = keys.map((key) => {
        const isLimited = key.userId === userOfKey(key.id)
        return { ...key, accounts: isLimited ? (memberships.get(key.userId) ?? []) : null }
      })
      return pageFrom(shown, query, (key) => [key[order.by], key.id])
    },
  })
  app.delete('/v1/api-keys/:id', {
    config: { permission: 'keys:manage' },
    schema: {
      tags,
      summary: 'Revoke an API key',
      params: z.object({ id: z.string().max(40).describe('Id of an API key') }),
      querystring: z.object({
        force: z
          .stringbool()
          .default(false)
          .describe('Revoke the key even if no other one can manage API keys'),
      }),
      response: { 204: z.undefined(), ...problems },
    },
    handler: async ({ params, query, apiKey, caller }, reply) => {
      requireUnbound(apiKey)
      await commands.revoke(caller, params.id, query)
      await accounts.commands.revokeKeyAccess(caller, params.id)
      return reply.status(204).send()
    },
  })
}

const keyLimitedAndBound = defineProblem(422, 'key-limited-and-bound', {
  title: 'Key both limited and bound',
  meaning: 'An API key is either limited to accounts or bound to a user, whose access it has.',
  remedy: "Leave out `accounts` or `userId`; to limit a bound key, change its user's access.",
})

const keyBound = defineProblem(403, 'key-bound', {
  title: 'Key bound to a user',
  meaning: 'The API key acts for one user, so it cannot manage API keys.',
  remedy: 'Use a key that is not bound to a user.',
})

/** Otherwise a key for one user could be used to get a key for all. */
const requireUnbound = (key: ApiKey | null): void => {
  if (key?.userId !== null) throw keyBound()
}

const permissionNotHeld = defineProblem(403, 'permission-not-held', {
  title: 'Permission not held',
  meaning: 'An API key can only grant permissions that it has itself.',
  remedy: 'Request only permissions that the key in use has.',
})

/** Nobody can grant more than they have. */
const requireScopes = (key: ApiKey | null, asked: readonly string[]): void => {
  const missing = asked.find((scope) => !key?.scopes.includes('*') && !key?.scopes.includes(scope))
  if (missing !== undefined)
    throw permissionNotHeld({ detail: `The API key does not have ${missing} itself.` })
}
