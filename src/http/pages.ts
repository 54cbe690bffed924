import { z } from 'zod'
import { HttpProblem } from './problems.ts'

/** Query parameters of every list: keyset pages, newest first unless the list says otherwise. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(2000).optional().describe('`nextCursor` of the page before'),
})

export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ data: z.array(item), nextCursor: z.string().nullable(), hasMore: z.boolean() })

type Key = (string | number | null)[]

/** The key behind which the page starts, or null for the first page. */
export const readCursor = (cursor: string | undefined, parts: number): Key | null => {
  if (cursor === undefined) return null
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    const checked = z
      .array(z.union([z.string(), z.number(), z.null()]))
      .length(parts)
      .parse(key)
    return checked
  } catch {
    throw new HttpProblem(
      400,
      'invalid-cursor',
      'The cursor is not one of ours',
      'Start at the first page, without a cursor.',
    )
  }
}

/**
 * A page from up to `limit` + 1 rows: the one too many says that there are more.
 * `keyOf` names the sort key of a row, as the query takes it.
 */
export const toPage = <Row, Item>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => Key,
  toItem: (row: Row) => Item,
): { data: Item[]; nextCursor: string | null; hasMore: boolean } => {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const hasMore = rows.length > limit
  return {
    data: shown.map(toItem),
    hasMore,
    nextCursor: hasMore && last ? Buffer.from(JSON.stringify(keyOf(last))).toString('base64url') : null,
  }
}
