import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import type { Test } from 'tap'
import { bareEnv, plainNode } from './embedded-service.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

const urlOf = ({ host = '', port = 5432, user = '', password, database = '' }: pg.PoolConfig): string =>
  `postgres://${user}${password ? `:${String(password)}` : ''}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`

/** A verb of the command line, run in a process of its own on this database; `ended` has what it said. */
export const startVerb = (t: Test, database: pg.PoolConfig, args: readonly string[]) => {
  const [command, all] = plainNode([main, ...args])
  const child = spawn(command, all, {
    env: { ...bareEnv(), MAILTRAIL_DATA: t.testdir(), DATABASE_URL: urlOf(database) },
  })
  t.teardown(() => child.kill('SIGKILL'))
  const said = { out: '', err: '' }
  child.stdout.on('data', (data) => (said.out += String(data)))
  child.stderr.on('data', (data) => (said.err += String(data)))
  const ended = once(child, 'close').then(([code]: (number | null)[]) => ({ code, ...said }))
  return { child, ended }
}
