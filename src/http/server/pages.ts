import { z } from 'zod'
import { askedInstant } from '../../domain/mail.ts'
import { defineProblem } from './problems.ts'

/** Query parameters of every list: keyset pages, newest first unless the list says otherwise. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50).describe('Maximum number of items'),
  cursor: z.string().max(2000).optional().describe('`nextCursor` of the previous page'),
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
  meaning: 'The cursor was not returned by this list.',
  remedy: 'Start at the first page, without a cursor.',
})

/**
 * The key after which the page starts, with named parts, or null for the first page.
 * @throws HttpProblem 400
 */
export const readCursor = <const Parts extends readonly CursorPart[]>(
  cursor: string | undefined,
  parts: Parts,
): CursorKey<Parts> | null => {
  if (cursor === undefined) return null
  try {
    const key = z
      .array(z.unknown())
      .length(parts.length)
      .parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
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
  limit: number,
  keyOf: (item: Item) => Key,
): { data: Item[]; nextCursor: string | null; hasMore: boolean } => {
  const data = items.slice(0, limit)
  const last = data.at(-1)
  const hasMore = items.length > limit
  return {
    data,
    hasMore,
    nextCursor: hasMore && last ? Buffer.from(JSON.stringify(keyOf(last))).toString('base64url') : null,
  }
}
