import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {
  type Connection,
  startEmbeddedPostgres,
} from '../../src/adapters/embedded-postgres/embedded-postgres.ts'

/** Where `scripts/check.ts` tells the test files of a whole run about the one server that they share. */
export const sharedServerVariable = 'TEST_POSTGRES'

const memory = '/dev/shm'
const enoughMemory = 1e9

/** Starts a server for tests, without durability, on a data folder that is removed when it is stopped. */
export const startTestServer = async (): Promise<{ connection: Connection; stop: () => Promise<void> }> => {
  const dataFolder = fs.mkdtempSync(path.join(folderOfTests(), 'mailtrail-test-'))
  const settings = { max_connections: '200', max_wal_size: '256MB' }
  const server = await startEmbeddedPostgres({ dataFolder, durable: false, settings })
  const stop = async (): Promise<void> => {
    await server.stop()
    fs.rmSync(dataFolder, { recursive: true, force: true })
  }
  return { connection: { ...server.connection, database: 'postgres' }, stop }
}

/** In memory where there is enough: to make a database on a disk can cost twenty times as much, unsynced as it is. */
const folderOfTests = (): string => {
  try {
    const { bavail, bsize } = fs.statfsSync(memory)
    return bavail * bsize < enoughMemory ? os.tmpdir() : memory
  } catch {
    return os.tmpdir()
  }
}
