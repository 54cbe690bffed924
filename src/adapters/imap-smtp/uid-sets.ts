/**
 * Messages requested at once: enough to make round trips negligible, few enough for servers with a limit (RFC 9738).
 */
const BATCH = 200

/** UIDs as a sequence set, with neighbours joined: 1:3,7. */
export const sequence = (uids: readonly number[]): string => {
  const parts: string[] = []
  for (let start = 0, end = 0; start < uids.length; start = end + 1) {
    end = start
    while (uids[end + 1] === (uids[end] ?? 0) + 1) end += 1
    parts.push(start === end ? `${uids[start]}` : `${uids[start]}:${uids[end]}`)
  }
  return parts.join(',')
}

/** UIDs, ascending and without duplicates, in sets for one command each. */
export const batches = (uids: readonly number[]): number[][] => {
  const sorted = [...new Set(uids)].toSorted((a, b) => a - b)
  return Array.from({ length: Math.ceil(sorted.length / BATCH) }, (_, index) =>
    sorted.slice(index * BATCH, (index + 1) * BATCH),
  )
}
