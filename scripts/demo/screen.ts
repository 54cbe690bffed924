import Table from 'cli-table3'

const colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined
const paint = (code: number) => (text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
export const bold = paint(1)
export const dim = paint(2)
const green = paint(32)
export const yellow = paint(33)

const say = (text: string): void => void process.stdout.write(text)

/**
 * Shows a step while it runs, and its result.
 * @throws what the step throws, after marking it
 */
export const step = async <Result>(
  title: string,
  work: () => Promise<Result>,
  outcome: (result: Result) => string = () => '',
): Promise<Result> => {
  const started = performance.now()
  if (colour) say(`${dim('…')} ${title}`)
  try {
    const result = await work()
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    say(
      `${colour ? '\r\u001b[2K' : ''}${green('✓')} ${title}  ${bold(outcome(result))} ${dim(`${seconds} s`)}\n`,
    )
    return result
  } catch (error) {
    say(`${colour ? '\r\u001b[2K' : ''}✗ ${title}\n`)
    throw error
  }
}

/** A line about what a step is doing. */
export const note = (text: string): void => say(`${colour ? '\r\u001b[2K' : ''}  ${dim(text)}\n`)

/** A table under a heading. */
export const show = (
  heading: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): void => {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true },
  })
  table.push(...rows.map((row) => [...row]))
  say(`\n${bold(heading)}\n${table.toString()}\n`)
}

export const line = (text = ''): void => say(`${text}\n`)

/** `2:15 PM`, as CRMs display times. */
export const clock = (at: string): string =>
  new Date(at).toLocaleTimeString('en-US', { hour: 'numeric', minute: '2-digit', second: '2-digit' })

export const percent = ({ count, percent: share }: { count: number; percent: number | null }): string =>
  share === null ? String(count) : `${count} (${share.toFixed(1)}%)`
