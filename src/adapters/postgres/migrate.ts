import { promises as fs } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type DatabaseIntrospector, Kysely, PostgresDialect } from 'kysely'
import { FileMigrationProvider, Migrator } from 'kysely/migration'
import type pg from 'pg'

const SCHEMA = 'mailtrail'

/**
 * Brings the system tables of PostgreSQL 14 or newer up to date: all pending migrations in one transaction under an
 * advisory lock, so that several processes may start at once. Applied migrations are recorded in
 * `mailtrail.migrations`.
 */
export const migrate = async (pool: pg.Pool): Promise<void> => {
  const migrator = new Migrator({
    db: new Kysely<unknown>({ dialect: new SystemTables({ pool }) }),
    provider: new FileMigrationProvider({
      fs,
      path,
      migrationFolder: fileURLToPath(new URL('../../../migrations', import.meta.url)),
      import: (file): Promise<unknown> => import(pathToFileURL(file).href),
    }),
    migrationTableSchema: SCHEMA,
    migrationTableName: 'migrations',
    migrationLockTableName: 'migrations_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined)
    throw new Error('The system tables could not be brought up to date', { cause: error })
}

/**
 * Restricts Kysely's introspection to the system tables. Its own reads every column of every schema, and fails if
 * another process drops a read model meanwhile.
 */
class SystemTables extends PostgresDialect {
  override createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    const catalog = db.withTables<{
      'pg_catalog.pg_namespace': { nspname: string }
      'pg_catalog.pg_tables': { schemaname: string; tablename: string }
    }>()
    return {
      getSchemas: () =>
        catalog
          .selectFrom('pg_catalog.pg_namespace')
          .select('nspname as name')
          .where('nspname', '=', SCHEMA)
          .execute(),
      getTables: async () => {
        const found = await catalog
          .selectFrom('pg_catalog.pg_tables')
          .select('tablename as name')
          .where('schemaname', '=', SCHEMA)
          .execute()
        return found.map(({ name }) => ({
          name,
          schema: SCHEMA,
          isView: false,
          isForeign: false,
          columns: [],
        }))
      },
    }
  }
}
