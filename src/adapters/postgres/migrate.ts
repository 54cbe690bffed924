import { promises as fs } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type DatabaseIntrospector, Kysely, PostgresDialect } from 'kysely'
import { FileMigrationProvider, Migrator } from 'kysely/migration'
import type pg from 'pg'

const SCHEMA = 'mailtrail'
const folder = fileURLToPath(new URL('../../../migrations', import.meta.url))

/** A newer release has changed the tables. */
export class NewerDatabase extends Error {
  override readonly name = 'NewerDatabase'

  constructor() {
    super(
      'The database was upgraded by a newer release of Mailtrail, which this one must not work on. ' +
        'Start that release or a later one, or restore the backup from before the upgrade: see docs/upgrading.md',
    )
  }
}

/**
 * Brings the system tables of PostgreSQL 14 or newer up to date: all pending migrations in one transaction under an
 * advisory lock, so that several processes may start at once. Applied migrations are recorded in
 * `mailtrail.migrations`.
 *
 * @throws NewerDatabase
 */
export const migrate = async (pool: pg.Pool): Promise<void> => {
  const migrator = new Migrator({
    db: new Kysely<unknown>({ dialect: new SystemTables({ pool }) }),
    provider: new FileMigrationProvider({
      fs,
      path,
      migrationFolder: folder,
      import: (file): Promise<unknown> => import(pathToFileURL(file).href),
    }),
    migrationTableSchema: SCHEMA,
    migrationTableName: 'migrations',
    migrationLockTableName: 'migrations_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return
  await areCurrent(pool)
  throw new Error('The system tables could not be brought up to date', { cause: error })
}

/**
 * Whether all that this release expects of the system tables is there.
 *
 * @throws NewerDatabase
 */
export const areCurrent = async (pool: pg.Pool): Promise<boolean> => {
  const own = (await fs.readdir(folder)).map((file) => path.parse(file).name)
  const { rows } = await pool.query<{ there: boolean }>(
    `select to_regclass('${SCHEMA}.migrations') is not null as there`,
  )
  if (!rows[0]?.there) return false
  const { rows: applied } = await pool.query<{ name: string }>(`select name from ${SCHEMA}.migrations`)
  if (applied.some(({ name }) => !own.includes(name))) throw new NewerDatabase()
  return applied.length === own.length
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
