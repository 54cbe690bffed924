import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { createJsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { App } from './server.ts'

type Transform = ReturnType<typeof createJsonSchemaTransform>

/** OpenAPI 3.1 of every route at /docs/json, and a page to browse it at /docs. */
export const describeApi = async (app: App): Promise<void> => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Mailtrail',
        version: '1',
        description:
          'Email accounts for a CRM. Every change returns an `ETag` (the version) and an `Event-Position`; pass the ' +
          'position to a query as `min_position` and the answer will reflect the change. Without it a query that follows ' +
          'a change within 3 s, by the same key and to the same process, reflects it too. Errors are ' +
          '`application/problem+json`; their codes are explained at [/problems](/problems). `x-permission` is the ' +
          'permission that the API key needs.',
      },
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
      security: [{ apiKey: [] }],
    },
    transform: describeRoute,
    transformObject: jsonSchemaTransformObject,
  })
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
}

const describeSchemas = createJsonSchemaTransform({ skipList: [] })

/** Adds what routes do not state themselves: the permission, and the headers that any request may have. */
const describeRoute: Transform = (document) => {
  const { schema, url } = describeSchemas(document)
  const { method, config } = document.route
  const permission = config?.permission
  const isPublic = permission === undefined || permission === 'public'
  const described = { ...schema, 'x-permission': permission }
  if (isPublic) return { url, schema: { ...described, security: [] } }
  return { url, schema: { ...described, headers: headersOf(method !== 'GET') } }
}

const headersOf = (repeatable: boolean) => ({
  type: 'object',
  properties: {
    'mailtrail-user': {
      type: 'string',
      description: 'Id of the CRM user on whose behalf the request is made',
    },
    ...(repeatable ? idempotencyKey : {}),
  },
})

const idempotencyKey = {
  'idempotency-key': {
    type: 'string',
    minLength: 1,
    maxLength: 255,
    description: 'A UUID of your own; repeating the request with the same one has no further effect',
  },
}
