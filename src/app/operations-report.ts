import type { RowDifference } from '../adapters/postgres/projections/rebuild/compare.ts'
import type { FillProgress } from '../adapters/postgres/projections/rebuild/fill.ts'
import type { Verified, VerifiedTable } from '../adapters/postgres/projections/rebuild/verify.ts'
import type { VerifiedBlobs } from '../adapters/postgres/verify-blobs.ts'
import type { ContentNotStored } from '../projections/sync/stored-content.ts'

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** A whole number for people: 1,000,000. */
export const grouped = (value: number): string => whole.format(value)

const WINDOW_MS = 10_000

/** Formats progress as a line: how far, the recent speed, the time left, and the memory in use. */
export const progressLine = (
  show: (line: string) => void,
  now: () => number = () => performance.now(),
): ((progress: FillProgress) => void) => {
  let seen: { at: number; amount: number }[] = []
  return ({ stage, unit, amount, of }) => {
    const memory = `${grouped(process.memoryUsage.rss() / 2 ** 20)} MB of memory`
    if (stage !== 'reading') return show(`${stage}  ${memory}`)
    const at = now()
    // Events appended meanwhile are read in a second run, from where the tables are.
    if (seen.some((before) => before.amount > amount)) seen = []
    seen = [...seen.filter((before) => at - before.at <= WINDOW_MS), { at, amount }]
    const first = seen[0]!
    const rate = at > first.at ? ((amount - first.amount) * 1000) / (at - first.at) : 0
    const left = rate > 0 ? `, ${timeOf((of - amount) / rate)} left` : ''
    const percent = of === 0 ? 100 : Math.floor((amount * 100) / of)
    show(
      `reading  ${amountOf(amount, unit)} of ${amountOf(of, unit)} (${percent} %), ${amountOf(rate, unit)}/s${left}, ${memory}`,
    )
  }
}

const amountOf = (amount: number, unit: FillProgress['unit']): string =>
  unit === 'events' ? `${grouped(amount)} events` : `${(amount / 2 ** 20).toFixed(1)} MB`

const timeOf = (seconds: number): string =>
  seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`

const NAMED_FILES = 20

/** The result for stored content. */
export const contentLines = ({ blobs, bytes, damaged }: VerifiedBlobs): string[] => {
  const extent = `${grouped(blobs)} files, ${(bytes / 2 ** 20).toFixed(1)} MB`
  if (damaged.length === 0) return [`content  equal, ${extent} match their SHA-256`]
  const lines = damaged.slice(0, NAMED_FILES).map((hash) => `  damaged  ${hash}`)
  if (damaged.length > lines.length) lines.push(`  and ${grouped(damaged.length - lines.length)} more`)
  return [`content  ${grouped(damaged.length)} files do not match their SHA-256, of ${extent}`, ...lines]
}

/** The result for content that the log names and that is not stored. */
export const notStoredLines = ({ erased, missing }: ContentNotStored): string[] => [
  ...(erased === 0 ? [] : [`content  ${grouped(erased)} files were erased with messages that were deleted`]),
  ...(missing.length === 0 ? [] : [`content  ${grouped(missing.length)} files are missing`]),
  ...missing.slice(0, NAMED_FILES).map((hash) => `  missing  ${hash}`),
]

/** The result for one read model. */
export const verifiedLines = (
  { projection, position, parked, skipped, stopped, tables }: Verified,
  values: boolean,
): string[] => {
  if (stopped) return [`${projection.name}  could not be compared: ${stopped.message}`]
  const equal = tables.every((table) => table.equal)
  const lines = [`${projection.name}  ${equal ? 'equal' : 'differs'}, at position ${position ?? 'none'}`]
  if (parked)
    lines.push(
      `  parked: ${grouped(parked.events)} events in ${grouped(parked.streams)} streams, so it cannot be equal`,
    )
  if (skipped > 0) lines.push(`  skipped: ${grouped(skipped)} events are left out, as somebody decided`)
  for (const table of tables) lines.push(...tableLines(table, values))
  return lines
}

const tableLines = ({ table, equal, first, ...counts }: VerifiedTable, values: boolean): string[] => {
  const { liveRows, rebuiltRows, changed, missing, surplus } = counts
  if (equal) return [`  ${table}  equal, ${grouped(liveRows)} rows`]
  const total = changed + missing + surplus
  const lines = [
    `  ${table}  ${grouped(total)} rows differ: ${grouped(changed)} changed, ${grouped(missing)} missing, ` +
      `${grouped(surplus)} surplus; ${grouped(liveRows)} rows, rebuilt ${grouped(rebuiltRows)}`,
    ...first.flatMap((row) => rowLines(row, values)),
  ]
  if (total > first.length) lines.push(`    and ${grouped(total - first.length)} more`)
  return lines
}

const rowLines = ({ kind, key, columns, values: both }: RowDifference, values: boolean): string[] => {
  const named = Object.entries(key).map(([column, value]) => `${column}=${JSON.stringify(value)}`)
  const line = `    ${kind}  ${named.join(' ')}${kind === 'changed' ? `  in ${columns.join(', ')}` : ''}`
  if (!values) return [line]
  const told = columns.map((column, index) => {
    const { live, rebuilt } = both[index]!
    const sides = [
      ...(kind === 'missing' ? [] : [`live ${JSON.stringify(live)}`]),
      ...(kind === 'surplus' ? [] : [`rebuilt ${JSON.stringify(rebuilt)}`]),
    ]
    return `      ${column}: ${sides.join(', ')}`
  })
  return [line, ...told]
}
