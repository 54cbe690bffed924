type FileResult = { file: string; passed: boolean; seconds: number; failures: string[] }

export type TapReport = {
  /** Takes the next line of a run over many test files; returns a file's result when the line completes it. */
  read(line: string): FileResult | undefined
  /** The totals at the end of the run; every reason to doubt them is a problem and counts as failed. */
  total(files: readonly string[], exitCode: number | null): Totals
}

export type Totals = { passed: number; failed: number; skipped: number; problems: string[] }

const fileLine = /^(not )?ok \d+ - (.+?)(?: # (SKIP|TODO)?.*)?$/
const totalsLine = /^# \{ total: .* \}$/

/**
 * Reads the TAP printed by `tap --reporter=tap`. tap's own totals omit a file that broke its plan, and may lack whole
 * files after a timeout, so files are counted too: each requested file must be there, have tested something, and have
 * passed.
 */
export const tapReport = (): TapReport => {
  const results = new Map<string, FileResult>()
  const empty: string[] = []
  let block: string[] = []
  let sums: string | undefined
  return {
    read(line) {
      if (totalsLine.test(line)) sums = line
      const match = fileLine.exec(line)
      if (match === null) {
        block.push(line)
        return undefined
      }
      const [, not, file = '', directive] = match
      if (directive === 'SKIP') empty.push(file)
      const seconds = Number(/# time=([\d.]+)ms/.exec(line)?.[1] ?? 0) / 1000
      const result = { file, passed: not === undefined, seconds, failures: failuresIn(block) }
      results.set(file, result)
      block = []
      return result
    },
    total(files, exitCode) {
      const sum = (name: string): number =>
        Number(new RegExp(`\\b${name}: (\\d+)`).exec(sums ?? '')?.[1] ?? 0)
      const failedFiles = [...results.values()].filter(({ passed }) => !passed).map(({ file }) => file)
      const broken = [
        ...files.filter((file) => !results.has(file)).map((file) => `${file} did not run`),
        ...empty.map((file) => `${file} tests nothing`),
        ...(sums === undefined ? ['tap printed no totals'] : []),
      ]
      const failed = Math.max(sum('fail'), failedFiles.length) + broken.length
      if (exitCode !== 0 && failed === 0) broken.push(`tap ended with exit code ${exitCode}`)
      return {
        passed: sum('pass'),
        failed: Math.max(failed, broken.length),
        skipped: sum('skip') + sum('todo') - empty.length,
        problems: [...failedFiles.map((file) => `${file} failed`), ...broken],
      }
    },
  }
}

/** What to show of a failed file: the failed assertions with their details, and stray output. */
const failuresIn = (block: string[]): string[] => {
  const shown: string[] = []
  let inDetails = false
  let detailsShown = false
  for (const line of block) {
    const text = line.trim()
    if (inDetails) {
      if (detailsShown) shown.push(line)
      if (text === '...') inDetails = false
    } else if (text === '---') {
      inDetails = true
      // A subtest has a time and repeats the message of its failed assertion; the assertion has none.
      detailsShown = /^\s*not ok (?!.*# time=)/.test(shown.at(-1) ?? '')
      if (detailsShown) shown.push(line)
    } else if (!/^(ok \d|# Subtest|# time=|\d+\.\.\d+$|TAP version|$)/.test(text)) shown.push(line)
  }
  return shown
}
