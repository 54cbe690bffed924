import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import t from 'tap'
import {
  type Connection,
  startEmbeddedPostgres,
} from '../../src/adapters/embedded-postgres/embedded-postgres.ts'

/** Where `scripts/check.ts` tells the test files of a whole run about the one server that they share. */
export const sharedServerVariable = 'MAILTRAIL_TEST_POSTGRES'

let ownServer: Promise<Connection> | undefined

/**
 * A new, empty database for the caller alone, on a real server that gives up durability for speed. It is dropped at the
 * end of `test`, so end the pools made on it in a teardown that is registered after this call: teardowns run last to first.
 */
export async function testDatabase(test: { teardown(fn: () => unknown): void }): Promise<pg.PoolConfig> {
  const server = await sharedServer()
  const database = `test_${randomUUID().replaceAll('-', '')}`
  await query(server, `create database ${database} template template0`)
  test.teardown(() => query(server, `drop database if exists ${database} with (force)`))
  return { ...server, database }
}

function sharedServer(): Promise<Connection> {
  const shared = process.env[sharedServerVariable]
  if (shared !== undefined && shared !== '') return Promise.resolve(JSON.parse(shared) as Connection)
  ownServer ??= startTestServer().then(({ connection, stop }) => {
    t.teardown(stop)
    return connection
  })
  return ownServer
}

/** Starts a server for tests on a data folder that is removed when it is stopped. */
export async function startTestServer(): Promise<{ connection: Connection; stop: () => Promise<void> }> {
  const dataFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'mailtrail-test-'))
  const settings = { max_connections: '200' }
  const server = await startEmbeddedPostgres({ dataFolder, durable: false, settings })
  const stop = async (): Promise<void> => {
    await server.stop()
    fs.rmSync(dataFolder, { recursive: true, force: true })
  }
  return { connection: { ...server.connection, database: 'postgres' }, stop }
}

async function query(server: Connection, sql: string): Promise<void> {
  const client = new pg.Client(server)
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
