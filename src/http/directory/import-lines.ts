import { z } from 'zod'
import type { DirectoryCommands } from '../../commands/directory/directory.ts'
import { company, contact, crmId, deal, user } from '../../domain/directory/events.ts'
import type { BodyLine } from '../server/body-lines.ts'
import { illFormedPlaces } from '../server/ill-formed.ts'
import { faultsOf } from '../server/invalid-request.ts'

type ImportLine = Parameters<DirectoryCommands['import']>[1] extends AsyncIterable<infer Line> ? Line : never

const values = {
  user: user.strict(),
  contact: contact.strict(),
  company: company.strict(),
  deal: deal.strict(),
} as const
const kinds = ['user', 'contact', 'company', 'deal'] as const
const put = z.strictObject({ kind: z.enum(kinds), id: crmId, value: z.looseObject({}) })
const remove = z.strictObject({ kind: z.enum(kinds), id: crmId, remove: z.literal(true) })
const names = [
  ...new Set(['kind', 'id', 'value', 'remove', ...kinds.flatMap((kind) => Object.keys(values[kind].shape))]),
]

const text = new TextDecoder('utf-8', { fatal: true })

/** Most reasons that are given for one line. */
const MOST_REASONS = 5

/** A line as the record that it puts or removes, or with the reasons why it is neither; null if it is blank. */
export const importLineOf = ({ line, bytes }: BodyLine): ImportLine | null => {
  if (bytes === null) return { line, reason: 'The line is too long.' }
  const read = jsonOf(bytes)
  if (read === null) return null
  if ('reason' in read) return { line, reason: read.reason }
  const places = illFormedPlaces(read.value)
  if (places.length > 0)
    return {
      line,
      reason: inWords(places.map(({ path, message }) => ({ path: path.replace(/^body\/?/, ''), message }))),
    }
  const isRemoval = typeof read.value === 'object' && read.value !== null && 'remove' in read.value
  if (isRemoval) {
    const asked = remove.safeParse(read.value)
    return asked.success
      ? { line, remove: { kind: asked.data.kind, id: asked.data.id } }
      : { line, reason: reasonsOf(asked.error, '') }
  }
  const asked = put.safeParse(read.value)
  if (!asked.success) return { line, reason: reasonsOf(asked.error, '') }
  const { kind, id } = asked.data
  const value = values[kind].safeParse(asked.data.value)
  if (!value.success) return { line, reason: reasonsOf(value.error, 'value') }
  return { line, put: { kind, id, value: value.data } as Extract<ImportLine, { put: unknown }>['put'] }
}

const jsonOf = (bytes: Buffer): { readonly value: unknown } | { readonly reason: string } | null => {
  try {
    const line = text.decode(bytes).trim()
    return line === '' ? null : { value: JSON.parse(line) }
  } catch (error) {
    return { reason: error instanceof SyntaxError ? 'The line is not JSON.' : 'The line is not in UTF-8.' }
  }
}

const reasonsOf = (error: z.ZodError, at: string): string =>
  inWords(error.issues.flatMap((issue) => faultsOf(issue as Parameters<typeof faultsOf>[0], at, names)))

const inWords = (faults: readonly { readonly path: string; readonly message: string }[]): string => {
  const told = faults
    .slice(0, MOST_REASONS)
    .map(({ path, message }) => `${path.replace(/^(?:body)?\//, '') || 'line'}: ${message}`)
  const more = faults.length - told.length
  return `${told.join('; ')}${more > 0 ? `; and ${more} more` : ''}.`
}
