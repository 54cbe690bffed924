import { median } from './measure.ts'

/** One kind of question: how it is asked the nth time, and the statement that suits it best, written by hand. */
export type Kind = {
  readonly name: string
  readonly ask: (nth: number) => Promise<unknown>
  readonly byHand: (nth: number) => Promise<unknown>
}

const percentile = (times: readonly number[], part: number): number =>
  times.toSorted((a, b) => a - b)[Math.ceil(times.length * part) - 1] ?? 0

/** Milliseconds of each, one after the other. */
const timesOf = async (times: number, work: (nth: number) => Promise<unknown>): Promise<number[]> => {
  const taken: number[] = []
  for (let nth = 0; nth < times; nth++) {
    const started = performance.now()
    await work(nth)
    taken.push(performance.now() - started)
  }
  return taken
}

const shown = (times: readonly number[]): string =>
  `p50 ${percentile(times, 0.5).toFixed(1)}, p95 ${percentile(times, 0.95).toFixed(1)}, most ${percentile(times, 1).toFixed(1)} ms, ${(1000 / median(times)).toFixed(0)}/s`

/**
 * Asks all kinds of questions in turn with the statements by hand, several rounds; the first is a warm-up. Says how long
 * each kind took, and measures both by how many there are in a second, one after the other.
 */
export const inTurnByKind = async (
  rounds: number,
  times: number,
  kinds: readonly Kind[],
): Promise<{ ours: number[]; ceiling: number[] }> => {
  const measured = { ours: [] as number[], ceiling: [] as number[] }
  const byKind = new Map(kinds.map(({ name }) => [name, [] as number[]]))
  for (let round = 0; round <= rounds; round++) {
    const [ours, ceiling] = [[] as number[], [] as number[]]
    for (const { name, ask, byHand } of kinds) {
      const taken = await timesOf(times, (nth) => ask(round * times + nth)).catch((error: unknown) => {
        throw new Error(`Asked for: ${name}`, { cause: error })
      })
      ours.push(...taken)
      ceiling.push(...(await timesOf(times, (nth) => byHand(round * times + nth))))
      if (round > 0) byKind.get(name)?.push(...taken)
    }
    if (round === 0) continue
    const rate = (taken: readonly number[]): number =>
      (1000 * taken.length) / taken.reduce((sum, ms) => sum + ms, 0)
    measured.ours.push(rate(ours))
    measured.ceiling.push(rate(ceiling))
  }
  for (const [name, taken] of byKind) process.stderr.write(`  ${name}: ${shown(taken)}\n`)
  process.stderr.write(`  all: ${shown([...byKind.values()].flat())}\n`)
  return measured
}
