import { spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import type { Binaries, Runner } from './binaries.ts'

/**
 * The guard: a shell that starts the server and waits for its own input to close, which happens when the service stops
 * or dies in any way, kill -9 included. It then stops the server (fast shutdown, by force after a minute). It runs in a
 * session of its own and ignores signals from the terminal, so Ctrl-C reaches only the service, which can finish its
 * work while the database is still up.
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
  /** Resolves when the server and its guard are gone, with the server's exit code. */
  ended: Promise<number | null>
  stop: () => Promise<void>
}

/** Starts the server under its guard. Neither keeps this process alive. */
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
  // The guard may be gone already, which `ended` reports.
  guard.stdin?.on('error', () => {})
  const stop = async (): Promise<void> => {
    guard.ref()
    guard.stdin?.end()
    await ended
  }
  return { ended, stop }
}

/** Runs a program of the package to completion. Returns its exit code and output. */
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
