/** The part of JSON Schema (2020-12) that zod writes for the schemas of events. */
export type JsonSchema = { readonly [key: string]: unknown } & {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly format?: string
  readonly pattern?: string
}

/**
 * Why a value of the schema `before` may be none of the schema `now`, or would lose something there; [] where it
 * surely fits. What this does not understand counts as a reason where it differs.
 */
export const misfits = (before: JsonSchema, now: JsonSchema, path = 'data'): string[] => {
  const [was, is] = [alternatives(before), alternatives(now)]
  if (was.length > 1 || is.length > 1) return misfitsOfAny(was, is, path)
  const values = valuesOf(now)
  if (values) {
    const lost = (valuesOf(before) ?? ['any other value']).filter((value) => !values.includes(value))
    return lost.map((value) => `${path} takes ${String(value)} no more`)
  }
  if (before.type !== now.type && !(before.type === 'integer' && now.type === 'number'))
    return [`${path} was ${nameOf(before)} and is ${nameOf(now)}`]
  return [
    ...misfitsOfObject(before, now, path),
    ...(before.items && now.items ? misfits(before.items, now.items, `${path}[]`) : []),
    ...narrowed(before, now, path),
  ]
}

const misfitsOfAny = (was: readonly JsonSchema[], is: readonly JsonSchema[], path: string): string[] =>
  was.flatMap((one) => {
    const reasons = is.map((other) => misfits(one, other, path))
    if (reasons.some((found) => found.length === 0)) return []
    // Of several alternatives the nearest one says most.
    return reasons.toSorted((a, b) => a.length - b.length)[0] ?? [`${path} takes nothing more`]
  })

const misfitsOfObject = (before: JsonSchema, now: JsonSchema, path: string): string[] => {
  const { properties: had = {}, required: always = [] } = before
  const { properties: has = {}, required: must = [] } = now
  return [
    ...Object.entries(had).flatMap(([name, schema]) =>
      has[name] ? misfits(schema, has[name], `${path}.${name}`) : [`${path}.${name} was removed`],
    ),
    ...must.filter((name) => !always.includes(name)).map((name) => `${path}.${name} is required now`),
  ]
}

const understood = ['type', 'properties', 'required', 'items', 'anyOf', 'oneOf', 'enum', 'const']
const lower = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems']
const upper = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems']

const narrowed = (before: JsonSchema, now: JsonSchema, path: string): string[] =>
  Object.keys(now).flatMap((key) => {
    if (understood.includes(key) || same(before[key], now[key])) return []
    const [was, is] = [before[key], now[key]]
    if (lower.includes(key) && typeof was === 'number' && Number(is) <= was) return []
    if (upper.includes(key) && typeof was === 'number' && Number(is) >= was) return []
    // The pattern of a format is a matter of the library.
    if (key === 'pattern' && now.format !== undefined && now.format === before.format) return []
    return [`${path} has another ${key}`]
  })

/** `type: ['string', 'null']` are two as well; of the null nothing more is to be said. */
const alternatives = (schema: JsonSchema): readonly JsonSchema[] => {
  const several = schema.anyOf ?? schema.oneOf
  if (several) return several.flatMap(alternatives)
  if (!Array.isArray(schema.type)) return [schema]
  return schema.type.map((type: string) => (type === 'null' ? { type } : { ...schema, type }))
}

const nameOf = ({ type }: JsonSchema): string => String(type ?? 'anything')

const valuesOf = (schema: JsonSchema): readonly unknown[] | undefined =>
  schema.enum ?? ('const' in schema ? [schema.const] : undefined)

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/**
 * What of a schema these values do not show: optional fields that are never there or always, alternatives of which
 * there is none, arrays that are always empty.
 */
export const unshown = (schema: JsonSchema, values: readonly unknown[], path = 'data'): string[] => {
  const options = alternatives(schema)
  if (options.length > 1)
    return options.flatMap((option) => {
      if (option.type !== 'null' && valuesOf(option)) return []
      const shown = values.filter((value) => looksLike(option, value))
      return shown.length === 0 ? [`${path} is never ${nameOf(option)}`] : unshown(option, shown, path)
    })
  if (schema.items) {
    const items = (values as unknown[][]).flat()
    return items.length === 0 ? [`${path} is always empty`] : unshown(schema.items, items, `${path}[]`)
  }
  const { required = [] } = schema
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const at = `${path}.${name}`
    const there = (values as Record<string, unknown>[]).filter((value) => name in value)
    if (there.length === 0) return [`${at} is never there`]
    return [
      ...(there.length === values.length && !required.includes(name) ? [`${at} is always there`] : []),
      ...unshown(
        property,
        there.map((value) => value[name]),
        at,
      ),
    ]
  })
}

/** Enough to tell the alternatives of one field apart: their JSON type, and the constants in them. */
const looksLike = (schema: JsonSchema, value: unknown): boolean => {
  const values = valuesOf(schema)
  if (values) return values.includes(value)
  if (schema.type !== jsonTypeOf(value) && !(schema.type === 'integer' && typeof value === 'number'))
    return false
  return Object.entries(schema.properties ?? {}).every(
    ([name, property]) =>
      !('const' in property) || (value as Record<string, unknown>)[name] === property.const,
  )
}

const jsonTypeOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
