import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Connection } from '../../src/adapters/embedded-postgres/embedded-postgres.ts'

/** The address of the module under test, for programs that are given to Node as text. */
export const moduleUrl = new URL('../../src/adapters/embedded-postgres/embedded-postgres.ts', import.meta.url)
  .href

/**
 * Node with `args`, as it runs outside of a test: tap gives its children options that write into the project, which
 * another user may not.
 */
export const plainNode = (args: string[]): [command: string, args: string[]] => {
  return ['env', ['-u', 'NODE_OPTIONS', process.execPath, ...args]]
}

/** An environment without any setting of ours; where compiled modules are kept is none. */
export const bareEnv = (): NodeJS.ProcessEnv => {
  const { PATH, NODE_COMPILE_CACHE } = process.env
  return NODE_COMPILE_CACHE === undefined ? { PATH } : { PATH, NODE_COMPILE_CACHE }
}

/** Runs one statement on a connection of its own. */
export const query = async (connection: Connection, sql: string): Promise<Record<string, unknown>[]> => {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** Waits for something that other processes do; gives up after two minutes. */
export const until = async (condition: () => boolean): Promise<void> => {
  for (const deadline = Date.now() + 120_000; !condition(); await sleep(20)) {
    if (Date.now() > deadline) throw new Error('waited too long')
  }
}

export type Service = {
  process: ChildProcess
  lines: string[]
  said: (what: string) => Promise<string>
  end: Promise<unknown>
}

/** A process of its own that starts the database, says `ready`, and runs `then` with a connected `client`. */
export const service = (
  test: { teardown(fn: () => unknown): void },
  folder: string,
  then: string,
  uid?: number,
): Service => {
  const code = `
    import { startEmbeddedPostgres } from ${JSON.stringify(moduleUrl)}
    import pg from ${JSON.stringify(import.meta.resolve('pg'))}
    const say = (line) => process.stdout.write(line + '\\n')
    try {
      const server = await startEmbeddedPostgres({ dataFolder: ${JSON.stringify(folder)}, durable: false })
      const client = new pg.Client(server.connection)
      client.on('error', () => {})
      await client.connect()
      say('ready')
      ${then}
    } catch (error) { say(error.name + ': ' + error.message) }`
  const who = uid === undefined ? {} : { uid, gid: uid }
  const child = spawn(...plainNode(['--input-type=module', '-e', code]), {
    ...who,
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  test.teardown(() => child.kill('SIGKILL'))
  const lines: string[] = []
  const output = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const find = (what: string): string | undefined => lines.find((line) => line.includes(what))
  const end = once(child, 'close')
  // A process may have ended before its last lines are read.
  let isRead = false
  output.once('close', () => (isRead = true))
  const said = async (what: string): Promise<string> => {
    await until(() => find(what) !== undefined || isRead)
    return find(what) ?? `never said ${what}, but: ${lines.join(' | ')}`
  }
  return { process: child, lines, said, end }
}
