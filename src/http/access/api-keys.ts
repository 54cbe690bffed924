import { z } from 'zod'
import type { AccessCommands } from '../../commands/access/access.ts'
import type { ApiKey, ApiKeyStore } from '../../commands/ports/api-keys.ts'
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
  expiresAt: z.string().nullable(),
  createdAt: z.string(),
  createdBy: actorView.nullable().describe('Who created it; null if that was not recorded'),
  lastUsedAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
  revokedBy: actorView.nullable().describe('Who revoked it; null if it was not'),
})

const created = z.object({
  id: z.string(),
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
}

/** Creates, lists and revokes API keys. A key's text appears only in the answer that creates it. */
export const apiKeyRoutes = (app: App, { commands, apiKeys }: ApiKeyRouteDeps): void => {
  const tags = ['API keys']
  app.post('/v1/api-keys', {
    config: { permission: 'keys:manage', answersOnce: 'token' },
    schema: {
      tags,
      summary: 'Create an API key; its token is shown once',
      body: keyForm,
      response: { 201: created, ...problems },
    },
    handler: async ({ body, apiKey, caller }, reply) => {
      requireUnbound(apiKey)
      requireScopes(apiKey, body.scopes)
      const { id, token, hash } = newApiKey(caller.commandId)
      const isUsable = await commands.create(caller, { id, ...body }, hash)
      return reply.status(201).send({ id, token: isUsable ? token.reveal() : null })
    },
  })
  app.get('/v1/api-keys', {
    config: { permission: 'keys:manage' },
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
      return pageFrom(keys, query, (key) => [key[order.by], key.id])
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
      return reply.status(204).send()
    },
  })
}

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
