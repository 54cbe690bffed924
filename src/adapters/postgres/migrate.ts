import { promises as fs } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Kysely, PostgresDialect } from 'kysely'
import { FileMigrationProvider, Migrator } from 'kysely/migration'
import type pg from 'pg'

/**
 * Brings the system tables of a PostgreSQL 14 or newer up to date: all that is missing, in one transaction, under
 * an advisory lock, so that several processes may start at once. What was applied is in `mailtrail.migrations`.
 */
export const migrate = async (pool: pg.Pool): Promise<void> => {
  const migrator = new Migrator({
    db: new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }),
    provider: new FileMigrationProvider({
      fs,
      path,
      migrationFolder: fileURLToPath(new URL('../../../migrations', import.meta.url)),
      import: (file): Promise<unknown> => import(pathToFileURL(file).href),
    }),
    migrationTableSchema: 'mailtrail',
    migrationTableName: 'migrations',
    migrationLockTableName: 'migrations_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined)
    throw new Error('The system tables could not be brought up to date', { cause: error })
}
