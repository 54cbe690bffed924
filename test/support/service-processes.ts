import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import pg from 'pg'
import type { Test } from 'tap'
import { freePort } from '../../scripts/lib/free-port.ts'
import { startService, type Service } from '../../scripts/lib/service.ts'
import { testDatabase } from './test-database.ts'

type Role = 'api' | 'worker'

/** A database of its own, and processes on it, which share a data folder where nothing else is said. */
export const site = async (t: Test) => {
  const config = await testDatabase(t)
  const { host, port = 5432, user, password, database } = config as Record<string, string | undefined>
  const login = password === undefined ? user : `${user}:${password}`
  const url = `postgres://${login}@localhost:${port}/${database}?host=${encodeURIComponent(host ?? '')}`
  const folder = t.testdir()
  const settings = {
    // What tap gives its children is not for a service.
    NODE_OPTIONS: '',
    DATABASE_URL: url,
    MAILTRAIL_DATA: folder,
  }
  const client = new pg.Client(config)
  await client.connect()
  t.teardown(() => client.end())
  return {
    folder,
    query: async <Row extends pg.QueryResultRow>(sql: string) => (await client.query<Row>(sql)).rows,
    start: async (role: Role, env: Record<string, string> = {}): Promise<Service> =>
      startService(
        {
          ...settings,
          MAILTRAIL_ROLE: role,
          MAILTRAIL_PORT: String(await freePort()),
          MAILTRAIL_LOG_LEVEL: 'warn',
          ...env,
        },
        { onSpawn: (child) => t.teardown(() => child.kill('SIGKILL')) },
      ),
    /** Runs a command to its end, with the settings of these processes. */
    run: async (command: string, args: readonly string[], env: Record<string, string> = {}) => {
      const child = spawn(command, args, {
        env: { ...process.env, ...settings, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      t.teardown(() => child.kill('SIGKILL'))
      const [[code], out, err] = await Promise.all([
        once(child, 'close') as Promise<[number | null]>,
        text(child.stdout),
        text(child.stderr),
      ])
      return { code, out, err }
    },
  }
}

/** The one that the first of them has shown. */
export const keyOf = (services: readonly Service[]): string =>
  services.find(({ key }) => key !== null)?.key ?? ''
