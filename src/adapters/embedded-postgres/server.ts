import { spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import type { Binaries, Runner } from './binaries.ts'

/**
 * The guard: a shell that starts the server, then waits for its own input to close, which happens when the service stops
 * and also when it dies of anything, kill -9 included. It then ends the server (fast, and by force after a minute). It
 * lives in a session of its own and ignores what a terminal sends, so Ctrl-C reaches the service alone and that can
 * finish its work while the database is still up.
 */
const guardScript = `
trap '' INT TERM HUP
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{
  read -r _ <&3
  kill -INT "$server" 2>/dev/null
  for second in 1 2 3 4 5 6; do for part in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$server" 2>/dev/null || exit 0
    sleep 1
  done; done
  kill -QUIT "$server" 2>/dev/null
} &
watcher=$!
exec 3<&-
wait "$server"
code=$?
kill -KILL "$watcher" 2>/dev/null
exit "$code"
`

export type Server = {
  /** Settled when the server and its guard are gone, with the server's exit code. */
  ended: Promise<number | null>
  stop: () => Promise<void>
}

/** Starts the server behind its guard. Neither keeps this process alive. */
export const startServer = (binaries: Binaries, runner: Runner, args: string[], logFile: string): Server => {
  const [command = '', ...rest] = [
    ...runner.wrapper,
    '/bin/sh',
    '-c',
    guardScript,
    'sh',
    binaries.postgres,
    ...args,
  ]
  const log = fs.openSync(logFile, 'a', 0o600)
  const guard = spawn(command, rest, {
    ...whoOf(runner),
    env: binaries.env,
    cwd: '/',
    detached: true,
    stdio: ['pipe', log, log],
  })
  fs.closeSync(log)
  guard.unref()
  if (guard.stdin instanceof net.Socket) guard.stdin.unref()
  const { promise: ended, resolve, reject } = Promise.withResolvers<number | null>()
  guard.on('exit', (code) => {
    guard.stdin?.destroy()
    resolve(code)
  })
  guard.on('error', reject)
  // A guard that is gone cannot be told to stop; that it is gone is said by `ended`.
  guard.stdin?.on('error', () => {})
  const stop = async (): Promise<void> => {
    guard.ref()
    guard.stdin?.end()
    await ended
  }
  return { ended, stop }
}

/** Runs a program of the package to its end. Answers its exit code and what it printed. */
export const runToEnd = async (
  program: string,
  args: string[],
  binaries: Binaries,
  runner: Runner,
): Promise<{ code: number | null; output: string }> => {
  const [command = '', ...rest] = [...runner.wrapper, program, ...args]
  const child = spawn(command, rest, {
    ...whoOf(runner),
    env: binaries.env,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.on('error', reject)
  child.on('close', resolve)
  const code = await promise
  return { code, output: Buffer.concat(chunks).toString('utf8') }
}

const whoOf = ({ uid, gid }: Runner): { uid?: number; gid?: number } => {
  return uid === undefined || gid === undefined ? {} : { uid, gid }
}
