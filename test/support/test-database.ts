import { randomUUID } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import type { Connection } from '../../src/adapters/embedded-postgres/embedded-postgres.ts'
import { sharedServerVariable, startTestServer } from './postgres-server.ts'

let ownServer: Promise<Connection> | undefined

/**
 * A new, empty database for the caller alone, on a real server that gives up durability for speed. It is dropped at the
 * end of `test`, so end the pools made on it in a teardown that is registered after this call: teardowns run last to first.
 * The server is that of the whole run, or of this test file where it runs alone.
 */
export const testDatabase = async (test: { teardown(fn: () => unknown): void }): Promise<pg.PoolConfig> => {
  const server = await sharedServer()
  const database = `test_${randomUUID().replaceAll('-', '')}`
  await query(server, `create database ${database} template template0 ${await copyingFiles(server)}`)
  test.teardown(() => query(server, `drop database if exists ${database} with (force)`))
  return { ...server, database }
}

const sharedServer = (): Promise<Connection> => {
  const shared = process.env[sharedServerVariable]
  if (shared !== undefined && shared !== '') return Promise.resolve(JSON.parse(shared) as Connection)
  ownServer ??= startTestServer().then(({ connection, stop }) => {
    t.teardown(stop)
    return connection
  })
  return ownServer
}

/**
 * Costs a quarter of writing them through the log, where nothing has to be durable. PostgreSQL 14 knows nothing else,
 * and no word for it.
 */
const copyingFiles = async (server: Connection): Promise<string> => {
  const [version] = await query<{ server_version_num: string }>(server, 'show server_version_num')
  return Number(version?.server_version_num) < 150_000 ? '' : 'strategy file_copy'
}

const query = async <Row extends pg.QueryResultRow>(server: Connection, sql: string): Promise<Row[]> => {
  const client = new pg.Client(server)
  await client.connect()
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end()
  }
}
