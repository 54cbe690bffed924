const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const

/** '3 hours ago', 'just now', in whole units, rounded down; 'never' if there is no instant (RFC 3339). */
export const timeAgo = (instant: string | null, now: Date): string => {
  if (instant === null) return 'never'
  const ms = now.getTime() - Date.parse(instant)
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(ms / unitMs)
    if (count >= 1) return `${count} ${unit}${count === 1 ? '' : 's'} ago`
  }
  return 'just now'
}
