import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { invalidRequest, UNKNOWN } from './invalid-request.ts'
import type { App } from './server.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every name that the body and the query of the route know, at any depth; set when the route is added. */
    knownNames?: readonly string[]
  }
}

type Schema = z.core.$ZodType
type Schemas = { readonly body?: z.ZodType; readonly querystring?: z.ZodType }

/**
 * Has every route refuse fields and query parameters that it does not know, at any depth: what is misspelt would
 * otherwise be left out without a word. Open routes take any query: links in mail come back with parameters of others.
 */
export const refuseUnknownNames = (app: App): void => {
  app.addHook('onRoute', (route) => {
    if (route.config?.permission === 'public') return
    const { body, querystring = z.object({}) } = (route.schema ?? {}) as Schemas
    const names = new Set<string>()
    const schemas = {
      ...(body ? { body: strict(body, names) } : {}),
      querystring: strict(querystring, names),
    }
    route.schema = { ...route.schema, ...schemas }
    route.config = { ...route.config, knownNames: [...names] }
  })
  app.addHook('preValidation', refuseUndescribedBody)
}

/** A route without a schema for its body takes none. */
const refuseUndescribedBody = async ({ body, routeOptions }: FastifyRequest): Promise<void> => {
  const isDescribed = (routeOptions.schema as Schemas | undefined)?.body !== undefined
  if (isDescribed || typeof body !== 'object' || body === null || Buffer.isBuffer(body)) return
  const errors = Object.keys(body).map((name) => ({ path: `body/${name}`, message: UNKNOWN }))
  if (errors.length > 0)
    throw invalidRequest({
      detail: 'This request takes no body.',
      remedy: 'Send it without a body.',
      errors: errors.slice(0, 100),
    })
}

/** The same schema, but no object in it takes fields besides its own, whose names are added to `names`. */
const strict = (schema: Schema, names: Set<string>): Schema => {
  const of = (inner: Schema): Schema => strict(inner, names)
  if (schema instanceof z.ZodObject) {
    const shape: [string, Schema][] = Object.entries<Schema>(schema.def.shape)
    for (const [name] of shape) names.add(name)
    return copied(schema, {
      ...schema.def,
      shape: Object.fromEntries(shape.map(([name, inner]) => [name, of(inner)])),
      catchall: schema.def.catchall ?? z.never(),
    })
  }
  if (schema instanceof z.ZodArray) return copied(schema, { ...schema.def, element: of(schema.def.element) })
  if (schema instanceof z.ZodUnion)
    return copied(schema, { ...schema.def, options: schema.def.options.map(of) })
  if (schema instanceof z.ZodRecord)
    return copied(schema, { ...schema.def, valueType: of(schema.def.valueType) })
  return isWrapper(schema)
    ? copied(schema, { ...schema._zod.def, innerType: of(schema._zod.def.innerType) })
    : schema
}

type Wrapper = Schema & { readonly _zod: { readonly def: { readonly innerType: Schema } } }

/** Optional, nullable, with a default, and so on. */
const isWrapper = (schema: Schema): schema is Wrapper => 'innerType' in schema._zod.def

// A component of the API description has one schema, however many routes refer to it.
const copies = new WeakMap<Schema, Schema>()

/** With its description, and the name of its component. */
const copied = <Copied extends Schema>(schema: Copied, def: Copied['_zod']['def']): Schema => {
  const before = copies.get(schema)
  if (before) return before
  const copy = z.core.clone(schema, def)
  const meta = z.globalRegistry.get(schema)
  if (meta) z.globalRegistry.add(copy, meta)
  copies.set(schema, copy)
  return copy
}
