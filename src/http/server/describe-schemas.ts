import { wordsOf } from './property-words.ts'

/** A JSON Schema as it is in an OpenAPI description. */
export type Schema = {
  $ref?: string
  type?: string | string[]
  format?: string
  enum?: unknown[]
  pattern?: string
  description?: string
  minimum?: number
  maximum?: number
  examples?: unknown[]
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: Schema | boolean
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
}

/** Instants have such names everywhere, and no other text has. */
const INSTANT = /(?:At|^at|^time|^occurredAt|^recordedAt)$/

/**
 * Says of a schema, and of all within it, what its names mean: instants, units, and words where it has none; and leaves
 * out what not every reader understands.
 */
export const describeSchema = (schema: Schema, name = ''): void => {
  for (const inner of [schema, ...(schema.anyOf ?? [])]) {
    if (INSTANT.test(name) && [inner.type].flat().includes('string')) inner.format = 'date-time'
    simplify(inner)
  }
  if (isOneOfOne(schema)) Object.assign(schema, onlyOption(schema))
  const words = wordsOf(name)
  if (words !== null && schema.$ref === undefined) schema.description ??= words
  for (const [key, property] of Object.entries(schema.properties ?? {})) describeSchema(property, key)
  const within = [schema.items, schema.additionalProperties, schema.anyOf, schema.oneOf, schema.allOf]
  for (const inner of within.flat()) if (typeof inner === 'object') describeSchema(inner)
}

/** Patterns that only engines with Unicode properties or look-around read; formats say what theirs say, and shorter. */
const simplify = (schema: Schema): void => {
  const { format, pattern = '' } = schema
  if (format !== undefined || /\\[pP]\{|\(\?/.test(pattern)) delete schema.pattern
  if (schema.allOf?.every(({ pattern: each }) => each !== undefined)) delete schema.allOf
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum
}

const isOneOfOne = ({ oneOf }: Schema): boolean => oneOf?.length === 1
const onlyOption = (schema: Schema): Schema => {
  const { oneOf: [only = {}] = [], ...others } = schema
  delete schema.oneOf
  return { ...only, ...others }
}

const PREFIX = '#/components/schemas/'

/**
 * Every schema with a name comes twice, as it is sent and as it is answered. Keeps those that are referred to, and one
 * of those that are equal, under the plain name.
 */
export const withoutDoubles = <Document extends { components: { schemas: Record<string, Schema> } }>(
  document: Document,
): Document => {
  const { schemas } = document.components
  const used = referredTo(document)
  const renamed = new Map<string, string>()
  for (const name of used) {
    const plain = name.replace(/Input$/, '')
    if (plain === name || !(plain in schemas)) continue
    if (!used.has(plain) || JSON.stringify(schemas[plain]) === JSON.stringify(schemas[name]))
      renamed.set(name, plain)
  }
  const kept = [...used].map((name) => [renamed.get(name) ?? name, schemas[name]] as const)
  const clean = {
    ...document,
    components: { ...document.components, schemas: Object.fromEntries(kept.toSorted(byName)) },
  }
  return JSON.parse(JSON.stringify(clean), (key, value: unknown) => {
    if (key !== '$ref' || typeof value !== 'string' || !value.startsWith(PREFIX)) return value
    return PREFIX + (renamed.get(value.slice(PREFIX.length)) ?? value.slice(PREFIX.length))
  }) as Document
}

const byName = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number =>
  one < other ? -1 : 1

const referredTo = (document: { components: { schemas: Record<string, Schema> } }): Set<string> => {
  const used = new Set<string>()
  const { components, ...rest } = document
  const left: unknown[] = [{ ...rest, components: { ...components, schemas: {} } }]
  for (let next = left.pop(); next !== undefined; next = left.pop())
    for (const [, name = ''] of JSON.stringify(next).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue
      used.add(name)
      left.push(components.schemas[name])
    }
  return used
}
