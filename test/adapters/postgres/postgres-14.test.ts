import { globSync } from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import t from 'tap'
import { ownServer, postgres14 } from '../../support/own-server.ts'
import { sharedServerVariable } from '../../support/postgres-server.ts'

// The oldest PostgreSQL that README.md names. All other tests run on the newest.

const root = path.join(import.meta.dirname, '../../..')
/** Most of their time they wait. */
const SIDE_BY_SIDE = 4
const programs = postgres14()
const files = globSync(
  [
    'test/adapters/postgres/{api-keys,blob-store,idempotency,leases,migrate}.test.ts',
    'test/adapters/postgres/event-log/{event-store,log-times}.test.ts',
    'test/adapters/postgres/projections/{fold/page,run/runner,rebuild/rebuild,state/prepare}.test.ts',
    'test/acceptance/first-steps.test.ts',
  ],
  { cwd: root },
)

t.test(
  'PostgreSQL 14',
  { skip: programs === null && 'its programs are packaged for Linux on x64 only' },
  async (t) => {
    const server = await ownServer(t, {
      programs: programs ?? '',
      settings: { max_connections: '200' },
    })
    await server.start()
    const client = new pg.Client(server.connection)
    await client.connect()
    const { rows } = await client.query<{ server_version: string }>('show server_version')
    await client.end()
    t.match(rows[0]?.server_version, /^14\./)
    t.equal(files.length, 12, `${files.length} files`)
    const env = { ...process.env, [sharedServerVariable]: JSON.stringify(server.connection) }
    const cwd = t.testdir()
    t.jobs = SIDE_BY_SIDE
    await Promise.all(
      files.map((file) =>
        t.spawn(
          process.execPath,
          [path.join(root, file)],
          { buffered: true, cwd, env, timeout: 900_000 },
          file,
        ),
      ),
    )
  },
)
