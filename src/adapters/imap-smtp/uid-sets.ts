/**
 * Messages requested at once: enough to make round trips negligible, and cheap to repeat.
 */
const BATCH = 200

/** Ascending UIDs with neighbours joined. */
export const rangesOf = (uids: readonly number[]): { readonly from: number; readonly to: number }[] => {
  const ranges: { from: number; to: number }[] = []
  for (const uid of uids) {
    const last = ranges.at(-1)
    if (last?.to === uid - 1) last.to = uid
    else ranges.push({ from: uid, to: uid })
  }
  return ranges
}

/** Ascending UIDs as a sequence set: 1:3,7. */
export const sequence = (uids: readonly number[]): string =>
  rangesOf(uids)
    .map(({ from, to }) => (from === to ? `${from}` : `${from}:${to}`))
    .join(',')

/** UIDs, ascending and without duplicates, in sets for one command each; `limit` is the server's, if it has one. */
export const batches = (uids: readonly number[], limit: number | null): number[][] => {
  const size = Math.min(BATCH, limit ?? BATCH)
  const sorted = [...new Set(uids)].toSorted((a, b) => a - b)
  return Array.from({ length: Math.ceil(sorted.length / size) }, (_, index) =>
    sorted.slice(index * size, (index + 1) * size),
  )
}
