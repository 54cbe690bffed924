import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import {
  chooseRunner,
  packageFolder,
  prepareBinaries,
} from '../../src/adapters/embedded-postgres/binaries.ts'
import type { Connection } from '../../src/adapters/embedded-postgres/embedded-postgres.ts'
import { runToEnd, startServer, type Server } from '../../src/adapters/embedded-postgres/server.ts'

export type OwnServer = {
  readonly connection: Connection
  /** As `DATABASE_URL` takes it. */
  readonly url: string
  start(): Promise<void>
  stop(): Promise<void>
}

/** The programs of the oldest PostgreSQL that we work on; null where there are none, which is but on Linux on x64. */
export const postgres14 = (): string | null => {
  try {
    return path.dirname(path.dirname(createRequire(import.meta.url).resolve('postgres-14')))
  } catch {
    return null
  }
}

/**
 * A PostgreSQL server of one test, for what cannot be done to a shared one: it is stopped and started, its disk fills
 * up, or its programs are older. It is new and not running yet. Its data is in `folder`, its log of writes elsewhere.
 */
export const ownServer = async (
  t: { teardown(fn: () => unknown): void },
  {
    programs = packageFolder(),
    folder = temporaryFolder(t),
    settings = {},
  }: {
    readonly programs?: string
    readonly folder?: string
    readonly settings?: Readonly<Record<string, string>>
  } = {},
): Promise<OwnServer> => {
  const around = temporaryFolder(t)
  const cluster = path.join(folder, 'cluster')
  const { runner, folder: programsOfRunner } = chooseRunner(programs, cluster)
  const binaries = prepareBinaries(programsOfRunner, path.join(around, 'libraries'))
  for (const each of [folder, around])
    fs.chownSync(each, runner.uid ?? process.getuid!(), runner.gid ?? process.getgid!())
  const made = await runToEnd(
    binaries.initdb,
    [
      '-D',
      cluster,
      '-X',
      path.join(around, 'wal'),
      '-U',
      'mailtrail',
      '-A',
      'trust',
      '-E',
      'UTF8',
      '--locale=C',
      '-N',
    ],
    binaries,
    runner,
  )
  if (made.code !== 0) throw new Error(`No server could be made: ${made.output}`)
  const values = { listen_addresses: '', unix_socket_directories: around, fsync: 'off', ...settings }
  const args = [
    '-D',
    cluster,
    ...Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
  const connection = { host: around, port: 5432, user: 'mailtrail', database: 'postgres' }
  let server: Server | null = null
  const stop = async () => {
    await server?.stop()
    server = null
  }
  t.teardown(stop)
  return {
    connection,
    url: `postgres://mailtrail@localhost/postgres?host=${encodeURIComponent(around)}`,
    start: async () => {
      server = startServer(binaries, runner, args, path.join(around, 'log'))
      await untilItAnswers(connection)
    },
    stop,
  }
}

const temporaryFolder = (t: { teardown(fn: () => unknown): void }): string => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mailtrail-server-'))
  t.teardown(() => fs.rmSync(folder, { recursive: true, force: true }))
  // The server runs as another user if we are root.
  fs.chmodSync(folder, 0o711)
  return folder
}

const untilItAnswers = async (connection: Connection): Promise<void> => {
  for (const deadline = Date.now() + 120_000; ; await sleep(50)) {
    const client = new pg.Client(connection)
    try {
      await client.connect()
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
    } finally {
      await client.end()
    }
  }
}
