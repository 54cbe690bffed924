import type pg from 'pg'

/** One figure beside its ceiling. Both are rates: more is better. */
export type Row = {
  readonly name: string
  readonly what: string
  readonly ceilingWhat: string
  readonly unit: string
  /** The ratio to reach. */
  readonly reach: number
  /** A setting that it requires; without it, it is skipped. */
  readonly needs?: string
  /** Takes long: runs only if it is named. */
  readonly onlyByName?: boolean
  readonly run: (bench: Bench) => Promise<Measured>
}

export type Measured = { readonly ours: readonly number[]; readonly ceiling: readonly number[] }

/** What a row works with: settings of this run's durable PostgreSQL, and how often to measure. */
export type Bench = {
  /** A new database, dropped at the end of the run. */
  database(): Promise<pg.PoolConfig>
  /** What rows have in common is stopped when the last of them has run. */
  atEnd(stop: () => Promise<void>): void
  readonly rounds: number
}

/**
 * Measures ours and the ceiling alternately, so that a machine that slows down slows both. The first round is a
 * warm-up.
 */
export const inTurn = async (
  rounds: number,
  ours: () => Promise<number>,
  ceiling: () => Promise<number>,
): Promise<Measured> => {
  const measured = { ours: [] as number[], ceiling: [] as number[] }
  for (let round = 0; round <= rounds; round++) {
    const a = await ours()
    const b = await ceiling()
    if (round === 0) continue
    measured.ours.push(a)
    measured.ceiling.push(b)
  }
  return measured
}

/** How many were done per second while `work` ran. */
export const rate = async (count: number, work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now()
  await work()
  return (count * 1000) / (performance.now() - started)
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export type Result = {
  name: string
  ours: number
  ceiling: number
  unit: string
  ratio: number
  reach: number
}

/** Medians, and the median of the ratios per round, with the lowest and highest of them. */
export const resultOf = (row: Row, { ours, ceiling }: Measured): Result & { low: number; high: number } => {
  const ratios = ours.map((value, round) => value / ceiling[round]!)
  return {
    name: row.name,
    ours: round(median(ours)),
    ceiling: round(median(ceiling)),
    unit: row.unit,
    ratio: round(median(ratios)),
    reach: row.reach,
    low: round(Math.min(...ratios)),
    high: round(Math.max(...ratios)),
  }
}

const round = (value: number): number => Number(value.toPrecision(4))
