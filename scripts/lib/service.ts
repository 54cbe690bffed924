import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Mailtrail in a process of its own, started as its users start it. */
export type Service = {
  /** Where it listens: for the API, or as a worker for operators only. */
  readonly url: string
  /** The key shown by the first start; null on later ones. */
  readonly key: string | null
  readonly process: ChildProcess
  /** Resolves with the exit code, or the signal, when the process has ended. */
  readonly ended: Promise<number | NodeJS.Signals>
  /** Stops it as an operator would, and waits. */
  stop(): Promise<void>
}

/**
 * Starts the service and waits until it says that it is ready. `onLine` gets its output meanwhile, `onLog` the lines of
 * its log, `onSpawn` the process at once. `root` is where another release of it is.
 * @throws Error with the last lines if it ends instead
 */
export const startService = async (
  env: Record<string, string>,
  listeners: {
    onLine?: (line: string) => void
    onLog?: (line: string) => void
    onSpawn?: (child: ChildProcess) => void
  } = {},
  root = fileURLToPath(new URL('../..', import.meta.url)),
): Promise<Service> => {
  const main = join(root, 'src/main.ts')
  const child = spawn(process.execPath, [main, 'serve'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // We pass on Ctrl-C from the terminal ourselves, in the right order.
    detached: true,
  })
  listeners.onSpawn?.(child)
  const ended = new Promise<number | NodeJS.Signals>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code ?? 0)),
  )
  const last: string[] = []
  const keep = (line: string) => {
    last.push(line)
    if (last.length > 20) last.shift()
  }
  createInterface({ input: child.stderr }).on('line', (line) => {
    keep(line)
    listeners.onLog?.(line)
  })
  const said = await new Promise<{ url: string; key: string | null }>((resolve, reject) => {
    let url = ''
    let key: string | null = null
    createInterface({ input: child.stdout }).on('line', (line) => {
      listeners.onLine?.(line)
      url = /^ {2}(?:API|Health) +(\S+)\/(?:v1|health)$/.exec(line)?.[1] ?? url
      key = /^ {2}API key +(\S+)/.exec(line)?.[1] ?? key
      if (line.startsWith('Mailtrail is ready')) resolve({ url, key })
      else if (!line.includes('mt_')) keep(line)
    })
    void ended.then((how) =>
      reject(new Error(`The service ended (${how}) instead of starting:\n${last.join('\n')}`)),
    )
  })
  return {
    ...said,
    process: child,
    ended,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}
