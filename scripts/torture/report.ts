import Table from 'cli-table3'
import type { Verdict } from './evidence.ts'

/** One line that is overwritten on a terminal, and elsewhere an occasional line. */
export const progressLine = (everyMs = 10_000) => {
  const { stdout } = process
  let told = 0
  return {
    say: (text: string): void => {
      if (stdout.isTTY) stdout.write(`\r\x1b[2K${text.slice(0, stdout.columns - 1)}`)
      else if (performance.now() - told >= everyMs) {
        told = performance.now()
        stdout.write(`${text}\n`)
      }
    },
    end: (): void => void (stdout.isTTY && stdout.write('\r\x1b[2K')),
  }
}

export const say = (line: string): void => void process.stdout.write(`${line}\n`)

export type Judged = Verdict & { readonly name: string }

const EXAMPLES = 5

export const verdictTable = (verdicts: readonly Judged[]): string => {
  const table = new Table({
    head: ['', 'Invariant', 'Checked'],
    colWidths: [8, 62, 52],
    wordWrap: true,
    style: { head: [], border: [] },
  })
  for (const { name, looked, broken } of verdicts)
    table.push([broken.length === 0 ? 'holds' : 'BROKEN', name, looked])
  return table.toString()
}

export const brokenList = (verdicts: readonly Judged[]): string =>
  verdicts
    .filter(({ broken }) => broken.length > 0)
    .map(({ name, broken }) => {
      const more = broken.length - EXAMPLES
      const shown = broken.slice(0, EXAMPLES).map((example) => `    ${example}`)
      return [
        `BROKEN (${broken.length}): ${name}`,
        ...shown,
        ...(more > 0 ? [`    and ${more} more`] : []),
      ].join('\n')
    })
    .join('\n')

/** Of numbers in any order; `share` from 0 to 1. */
export const quantile = (numbers: readonly number[], share: number): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}
