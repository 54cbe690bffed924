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

const together = (times: readonly number[]): number => times.reduce((sum, ms) => sum + ms, 0)

/**
 * Asks all kinds of questions in turn with the statements by hand, several rounds, after one of each as a warm-up. Says
 * how long each kind took, and measures both by how many there are in a second, one after the other.
 */
export const inTurnByKind = async (
  rounds: number,
  times: number,
  kinds: readonly Kind[],
): Promise<{ ours: number[]; ceiling: number[] }> => {
  for (const { name, ask, byHand } of kinds) {
    await ask(rounds * times).catch((error: unknown) => {
      throw new Error(`Asked for: ${name}`, { cause: error })
    })
    await byHand(rounds * times)
  }
  const measured = { ours: [] as number[], ceiling: [] as number[] }
  const byKind = kinds.map(({ name }) => ({ name, all: [] as number[] }))
  for (let round = 0; round < rounds; round++) {
    const [ours, ceiling] = [[] as number[], [] as number[]]
    for (const [at, { ask, byHand }] of kinds.entries()) {
      const taken = await timesOf(times, (nth) => ask(round * times + nth))
      byKind[at]?.all.push(...taken)
      ours.push(...taken)
      ceiling.push(...(await timesOf(times, (nth) => byHand(round * times + nth))))
    }
    measured.ours.push((1000 * ours.length) / together(ours))
    measured.ceiling.push((1000 * ceiling.length) / together(ceiling))
  }
  for (const { name, all } of byKind) process.stderr.write(`  ${name}: ${shown(all)}\n`)
  process.stderr.write(`  all: ${shown(byKind.flatMap(({ all }) => all))}\n`)
  return measured
}
