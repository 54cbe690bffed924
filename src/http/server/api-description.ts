import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyContextConfig } from 'fastify'
import { createJsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import { binary, describeOperation, type Answer, type Operation } from './describe-operation.ts'
import { describeSchema, withoutDoubles, type Schema } from './describe-schemas.ts'
import { operationIdOf } from './operation-id.ts'
import type { App } from './server.ts'

type Transform = ReturnType<typeof createJsonSchemaTransform>
type Document = {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; responses?: Record<string, Answer> }
}

const tags = {
  'API keys': 'Keys by which programs use the API, each with its permissions.',
  'Email accounts': 'Mailboxes that are connected: how they are reached, their settings and signatures.',
  Sync: 'How the sync of an account is doing: its state, its runs, and messages that could not be synced.',
  Notifications: 'What users are told of by themselves, in the ways that each of them has chosen.',
  Messages: 'Mail that was found in mailboxes, the threads it forms, and its contents.',
  Timeline:
    'What happened with each contact, company, deal, account and thread, mail and the entries of the CRM.',
  Links: 'What mail belongs to in the CRM, and why: links, and suggestions for somebody to decide about.',
  Templates: 'Texts to write emails from, with variables, in versions.',
  Drafts: 'Emails that are being written, and the files attached to them.',
  Outbox: 'Emails that are queued or sent, and what became of them.',
  Tracking: 'What recipients did with an email: opens, clicks, replies.',
  Analytics: 'Figures over many emails.',
  Directory: "The CRM's own records, from which variables are filled in.",
  Feed: 'What happens, told as it happens to whoever listens.',
  Conversations:
    'Threads of shared accounts as people work through them: whose turn it is, whose they are, and who is there.',
  Webhooks: 'Addresses to which what happens is posted, and what became of each delivery.',
  Assignment: 'Whose conversations are, by which rules, and when users are there.',
  Audit: 'Everything that happened, event by event, and histories replayed.',
  'Read models': 'How far each read model is, and the events that it could not take in.',
  Health: 'Whether a process works, its metrics, and the event log.',
  Problems: 'What each problem code means, and what to do about it.',
}

/** OpenAPI 3.1 of every route at /docs/json, and a page to browse it at /docs. */
export const describeApi = async (app: App): Promise<void> => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Mailtrail',
        version: '1',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
        description:
          'Email accounts for a CRM. Every change returns an `ETag` (the version) and an `Event-Position`; pass the ' +
          'position to a query as `min_position` and the answer will reflect the change. Without it a query that follows ' +
          'a change within 3 s, by the same key and to the same process, reflects it too. Errors are ' +
          '`application/problem+json`; their codes are explained at [/problems](/problems). `x-permission` is the ' +
          'permission that the API key needs. Instants are RFC 3339 in UTC, sizes are in bytes.',
      },
      // Relative to this description, so that it is right under every name that the service is reached by.
      servers: [{ url: '/', description: 'The service that this description comes from' }],
      tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
      components: {
        securitySchemes: {
          apiKey: { type: 'http', scheme: 'bearer', description: 'An API key, `mt_…`' },
        },
      },
      security: [{ apiKey: [] }],
    },
    transform: describeRoute,
    transformObject: (document) =>
      described(jsonSchemaTransformObject(document) as unknown as Document) as object,
  })
  // Without a policy of its own, which would have browsers fetch its files over https only: that of all answers fits.
  await app.register(swaggerUi, { routePrefix: '/docs' })
}

const FILE = 'application/octet-stream'
const LINES = 'application/x-ndjson'
const describeSchemas = createJsonSchemaTransform({ skipList: [] })

/** Adds what routes do not state themselves: the name, the permission, and the headers that any request may have. */
const describeRoute: Transform = (document) => {
  const { schema, url } = describeSchemas(document)
  const { method, config } = document.route
  const permission = config?.permission
  const isPublic = permission === undefined || permission === 'public'
  const { response } = (schema ?? {}) as { response?: Record<string, Schema> }
  const isList = response?.['200']?.properties?.['data']?.type === 'array'
  const described = {
    ...schema,
    ...(schema?.consumes?.includes(FILE)
      ? { body: { ...binary, description: 'The content of the file' } }
      : {}),
    ...(schema?.consumes?.includes(LINES)
      ? { body: { type: 'string', description: 'JSON objects, one a line' } }
      : {}),
    operationId: operationIdOf(String(method), url, isList),
    'x-permission': permission,
  }
  if (isPublic) return { url, schema: { ...described, security: [] } }
  return { url, schema: { ...described, headers: headersOf(method !== 'GET', config ?? {}) } }
}

const headersOf = (
  changes: boolean,
  {
    ifMatch: versioned,
    ifNoneMatch,
    streamsBody,
  }: Pick<FastifyContextConfig, 'ifMatch' | 'ifNoneMatch' | 'streamsBody'>,
) => ({
  type: 'object',
  required: versioned === 'required' ? ['if-match'] : [],
  properties: {
    'mailtrail-user': {
      type: 'string',
      description: 'Id of the CRM user on whose behalf the request is made',
    },
    ...(changes && !streamsBody ? idempotencyKey : {}),
    ...(versioned === undefined ? {} : ifMatch),
    ...(ifNoneMatch ? { 'if-none-match': changes ? ifNothing : ifChanged } : {}),
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
const ifMatch = {
  'if-match': {
    type: 'string',
    description:
      'The `ETag` of the version that the change is based on, or `*` for any; refused as `stale-version` if there is a newer one',
  },
}

const ifChanged = {
  type: 'string',
  description: 'The `ETag` of what the client has already; if it is still the same, 304 is answered',
}
const ifNothing = {
  type: 'string',
  enum: ['*'],
  description: 'With `*` nothing is replaced: if there is something already, `stale-version` is answered',
}

const described = (document: Document): Document => {
  for (const schema of Object.values(document.components.schemas)) describeSchema(schema)
  const responses: Record<string, Answer> = {}
  for (const item of Object.values(document.paths))
    for (const [method, operation] of Object.entries(item))
      describeOperation(method.toUpperCase(), operation, responses)
  return withoutDoubles({ ...document, components: { ...document.components, responses } })
}
