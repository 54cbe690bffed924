import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {
  type Connection,
  startEmbeddedPostgres,
} from '../../src/adapters/embedded-postgres/embedded-postgres.ts'

/** Where `scripts/check.ts` tells the test files of a whole run about the one server that they share. */
export const sharedServerVariable = 'TEST_POSTGRES'

/** Starts a server for tests, without durability, on a data folder that is removed when it is stopped. */
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
