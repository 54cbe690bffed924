import { z } from 'zod'
import { NotFound } from '../../domain/decider.ts'
import { crmId } from '../../domain/directory/events.ts'
import { askedInstant } from '../../domain/mail.ts'
import type { ApiKey, ApiKeyStore } from '../../commands/ports/api-keys.ts'
import { newApiKey } from '../server/api-key-token.ts'
import { permissions } from '../server/permissions.ts'
import { defineProblem } from '../server/problems.ts'
import { problems, type App } from '../server/server.ts'

const scopes = z.array(z.enum(['*', ...permissions])).min(1)
const view = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.string()).readonly(),
  userId: z.string().nullable(),
  expiresAt: z.string().nullable(),
  createdAt: z.string(),
  lastUsedAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
})

const made = z.object({
  id: z.string(),
  token: z
    .string()
    .nullable()
    .describe(
      'Null in a repeat under the same Idempotency-Key: if the first answer was lost, revoke the key and create another',
    ),
})

/** Creates, lists and revokes API keys. A key's text appears only in the answer that creates it. */
export const apiKeyRoutes = (app: App, deps: { apiKeys: ApiKeyStore }): void => {
  const tags = ['API keys']
  app.post('/v1/api-keys', {
    config: { permission: 'keys:manage', answersOnce: 'token' },
    schema: {
      tags,
      summary: 'Create an API key; its token is shown once',
      body: z.object({
        name: z
          .string()
          .trim()
          .min(1)
          .max(200)
          .regex(/^\P{Cc}*$/u, 'has a control character'),
        scopes,
        userId: crmId
          .nullable()
          .default(null)
          .describe('The user that the key acts for; null for a key that is not bound to a user'),
        expiresAt: askedInstant.nullable().default(null),
      }),
      response: { 201: made, ...problems },
    },
    handler: async ({ body, apiKey }, reply) => {
      requireUnbound(apiKey)
      requireScopes(apiKey, body.scopes)
      const { id, token, hash } = newApiKey()
      await deps.apiKeys.insert({ id, ...body }, hash)
      return reply.status(201).send({ id, token: token.reveal() })
    },
  })
  app.get('/v1/api-keys', {
    config: { permission: 'keys:manage' },
    schema: {
      tags,
      summary: 'List API keys',
      response: { 200: z.object({ data: z.array(view) }), ...problems },
    },
    handler: async () => ({ data: await deps.apiKeys.list() }),
  })
  app.delete('/v1/api-keys/:id', {
    config: { permission: 'keys:manage' },
    schema: {
      tags,
      summary: 'Revoke an API key',
      params: z.object({ id: z.string().max(40).describe('Id of an API key') }),
      response: { 204: z.undefined(), ...problems },
    },
    handler: async ({ params, apiKey }, reply) => {
      requireUnbound(apiKey)
      if (!(await deps.apiKeys.revoke(params.id))) throw new NotFound('API key', params.id)
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
