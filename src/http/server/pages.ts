import { createHash } from 'node:crypto'
import { z } from 'zod'
import { askedInstant } from '../../domain/mail.ts'
import { defineProblem } from './problems.ts'

/** Query parameters of every list: keyset pages, newest first unless the list says otherwise. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50).describe('Maximum number of items'),
  cursor: z.string().max(2000).optional().describe('`nextCursor` of the previous page'),
})

/** Narrows a list down to a span of time, both ends included; `what` happened then. */
export const timesOf = (what: string) => ({
  from: askedInstant.optional().describe(`Only what was ${what} at this instant or later`),
  to: askedInstant.optional().describe(`Only what was ${what} at this instant or earlier`),
})

/** Narrows a list down to what is searched for, in `where`. */
export const searchIn = (where: string) =>
  z.string().trim().min(1).max(200).optional().describe(`${where}; capital letters do not count`)

type Sort<Field extends string> = Field | `-${Field}`

/** What a list is ordered by, `first` if nothing is asked for. */
export const sortBy = <const Field extends string>(fields: readonly Field[], first: Sort<Field>) =>
  z
    .enum(fields.flatMap((field): Sort<Field>[] => [field, `-${field}`]))
    .default(first as never)
    .describe('What the list is ordered by; with a hyphen in descending order')

type FieldOf<Asked extends string> = Asked extends `-${infer Field}` ? Field : Asked

export const orderOf = <const Asked extends string>(
  sort: Asked,
): { by: FieldOf<Asked>; descending: boolean } => ({
  by: sort.replace(/^-/, '') as FieldOf<Asked>,
  descending: sort.startsWith('-'),
})

/** The schema of a page of these items. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ data: z.array(item), nextCursor: z.string().nullable(), hasMore: z.boolean() })

type Key = (string | number)[]

// What the database accepts: no U+0000, no number beyond its integer type.
const cursorParts = {
  instant: askedInstant,
  text: z.string().refine((text) => !text.includes('\0')),
  integer: z.int32(),
} as const
type CursorPart = keyof typeof cursorParts
type CursorKey<Parts extends readonly CursorPart[]> = {
  -readonly [Index in keyof Parts]: z.infer<(typeof cursorParts)[Parts[Index]]>
}

const invalidCursor = defineProblem(400, 'invalid-cursor', {
  title: 'Invalid cursor',
  meaning: 'The cursor was not returned by this list with the same filters and in the same order.',
  remedy: 'Keep filters and order from page to page, or start at the first page, without a cursor.',
})

/** What is asked of a list: which page, and whatever else its pages have in common. */
type ListQuery = { readonly limit: number; readonly cursor?: string | undefined }
const ofOnePage: ReadonlySet<string> = new Set(['limit', 'cursor', 'min_position'])

/** Tells the filters and order of a list from others. */
const markOf = (query: ListQuery): string => {
  const asked = Object.entries(query).filter(([name, value]) => value !== undefined && !ofOnePage.has(name))
  const text = JSON.stringify(asked.toSorted(([one], [other]) => (one < other ? -1 : 1)))
  return createHash('sha256').update(text).digest('base64url').slice(0, 8)
}

/**
 * The key after which the page starts, with named parts, or null for the first page.
 * @throws HttpProblem 400
 */
export const readCursor = <const Parts extends readonly CursorPart[]>(
  query: ListQuery,
  parts: Parts,
): CursorKey<Parts> | null => {
  if (query.cursor === undefined) return null
  try {
    const [mark, ...key] = z
      .array(z.unknown())
      .length(1 + parts.length)
      .parse(JSON.parse(Buffer.from(query.cursor, 'base64url').toString('utf8')))
    z.literal(markOf(query)).parse(mark)
    return parts.map((part, index) => cursorParts[part].parse(key[index])) as CursorKey<Parts>
  } catch {
    throw invalidCursor()
  }
}

/**
 * A page from up to `limit` + 1 items: the extra one shows that there are more. `keyOf` returns the sort key of an
 * item, as the query expects it.
 */
export const pageFrom = <Item>(
  items: readonly Item[],
  query: ListQuery,
  keyOf: (item: Item) => Key,
): { data: Item[]; nextCursor: string | null; hasMore: boolean } => {
  const data = items.slice(0, query.limit)
  const last = data.at(-1)
  const hasMore = items.length > query.limit
  const cursorAfter = (item: Item) =>
    Buffer.from(JSON.stringify([markOf(query), ...keyOf(item)])).toString('base64url')
  return { data, hasMore, nextCursor: hasMore && last ? cursorAfter(last) : null }
}
