import { until } from '../../scripts/lib/client.ts'
import type { startApp } from './running-app.ts'
import { wordNames, words } from './route-tables.ts'

type RunningApp = Awaited<ReturnType<typeof startApp>>

export type Asking = { readonly headers?: Readonly<Record<string, string>> }
/** Asks, and says which of the words are in the answer. */
export const asker =
  (app: Pick<RunningApp, 'ask'>) =>
  async (method: string, path: string, asking: Asking & { readonly body?: object }) => {
    const answer = await until(
      path,
      () => app.ask(method, path, asking),
      ({ status }) => status !== 503,
    )
    // In quoted-printable a line may be broken within a word.
    const text = answer.bytes.toString('latin1').replaceAll('=\r\n', '')
    const all = `${text}\n${[...answer.headers.values()].join('\n')}`
    const found = wordNames.filter((word) => formsOf(words[word]).some((form) => all.includes(form)))
    return { status: answer.status, found }
  }

/** A word as it is, and as it stands in base64 wherever it begins. */
const formsOf = (word: string): string[] => [
  word,
  ...[0, 1, 2].map((before) => {
    const bytes = Buffer.from(`${'\0'.repeat(before)}${word}`)
    const from = before === 0 ? 0 : 4
    return bytes
      .subarray(0, bytes.length - (bytes.length % 3))
      .toString('base64')
      .slice(from)
  }),
]
