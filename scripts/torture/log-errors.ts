import fs from 'node:fs'
import { join } from 'node:path'

const ERROR = 50

/** What the services logged as errors, most frequent first: no invariant covers this, so a person should look. */
export const loggedErrors = (folder: string): string[] => {
  const counts = new Map<string, number>()
  for (const line of fs.readFileSync(join(folder, 'service.log'), 'utf8').split('\n')) {
    const what = errorIn(line)
    if (what !== null) counts.set(what, (counts.get(what) ?? 0) + 1)
  }
  return [...counts].toSorted((a, b) => b[1] - a[1]).map(([what, count]) => `${count} x ${what}`)
}

type Line = { level?: number; msg?: string; message?: string; err?: { message?: string; code?: string } }

const errorIn = (line: string): string | null => {
  try {
    const { level = 0, msg = '', message, err } = JSON.parse(line) as Line
    if (level < ERROR) return null
    // Apart from ids and numbers, it is the same error.
    const text = [msg, message ?? err?.message, err?.code].filter((part) => part !== undefined).join(': ')
    return text.replaceAll(/[a-z]{3}_[0-9a-z]{26}|[0-9a-f]{8}-[0-9a-f-]{27}|\d+/g, '…').slice(0, 300)
  } catch {
    // Not a log line: Node's last words before it dies, or half a line of a killed process.
    return /^\S*Error\b/.test(line) ? line.slice(0, 300) : null
  }
}
