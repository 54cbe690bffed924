import { Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import { migrate } from '../adapters/postgres/migrate.ts'
import { createPool } from '../adapters/postgres/pool.ts'
import { rebuildReadModels } from '../adapters/postgres/projections/rebuild/rebuild.ts'
import { ReadModelBusy } from '../adapters/postgres/projections/rebuild/session.ts'
import { verifyReadModels } from '../adapters/postgres/projections/rebuild/verify.ts'
import { CheckpointRefused } from '../adapters/postgres/projections/state/checkpoints.ts'
import { verifyBlobs } from '../adapters/postgres/verify-blobs.ts'
import type { EventStore } from '../commands/ports/event-log.ts'
import { ConfigError } from '../config.ts'
import { UnknownShape } from '../domain/upcast.ts'
import type { AnyProjection } from '../projections/projection.ts'
import { openStore, requireOwnLog } from './open-store.ts'
import { connect, requireTables, STOPPED_BY_SIGNAL, type Operation } from './operation.ts'
import { contentLines, grouped, notStoredLines, progressLine, verifiedLines } from './operations-report.ts'
import { contentNotStored } from '../projections/sync/stored-content.ts'
import { projections } from './read-models.ts'

const WRITERS = 4

/**
 * `rebuild NAME...|--all`: fills read models again from the log and replaces those in use.
 * @returns 0 if all succeeded, 1 if one failed, 130 if stopped
 * @throws ConfigError for invalid arguments or settings, and if another process is doing the same
 */
export const rebuild = async (operation: Operation): Promise<number> => {
  const { args, signal, say, warn, show } = operation
  if (args.length === 0) throw new ConfigError(`Name the read models, or use --all. There are ${names()}`)
  const chosen = chosenBy(args, ['--all'])
  const replaced: string[] = []
  const onReplaced = ({ name }: AnyProjection) => void replaced.push(name)
  return onDatabase(operation, replaced, async ({ store, pool }) => {
    await migrate(pool)
    await requireOwnLog(pool, store)
    const startedAt = performance.now()
    const onProgress = progressLine(show)
    const parts = { store, pool, signal, writers: WRITERS, onProgress, onReplaced }
    const rebuilt = await rebuildReadModels(parts, chosen)
    show('')
    for (const { projection, position, stopped, left } of rebuilt) {
      if (stopped) warn(`${stopped.message}. The tables in use are unchanged.`)
      else say(`${projection.name}  rebuilt up to position ${position}`)
      if (left !== null)
        warn(`${left} could not be dropped because it is still being read: the next rebuild will drop it.`)
    }
    const head = await store.head()
    const { unit, amount } = store.extent(head)
    const seconds = (performance.now() - startedAt) / 1000
    const peak = process.resourceUsage().maxRSS / 1024
    say(
      `${grouped(amount)} ${unit} of the log in ${seconds.toFixed(1)} s, ${grouped(amount / seconds)} a second; ` +
        `peak memory ${grouped(peak)} MB`,
    )
    return rebuilt.some(({ stopped }) => stopped) ? 1 : 0
  })
}

/**
 * `verify [NAME...] [--values]`: compares read models with the log, row by row, and, if none is named, stored content
 * with its hashes. Values are shown only on request, as they may be personal data.
 * @returns 0 if all are equal, 1 if one differs, 2 if they could not be compared, 130 if stopped
 * @throws ConfigError like `rebuild`
 */
export const verify = async (operation: Operation): Promise<number> => {
  const { args, signal, say, show } = operation
  const chosen = chosenBy(args, ['--all', '--values'])
  return onDatabase(operation, [], async ({ store, pool }) => {
    await requireTables(pool)
    const isWhole = chosen.length === projections.length
    const content = isWhole
      ? await verifyBlobs(pool, signal, (blobs) => show(`comparing content  ${grouped(blobs)} files`))
      : null
    const onProgress = progressLine(show)
    const verified = await verifyReadModels({ store, pool, signal, writers: WRITERS, onProgress }, chosen)
    show('')
    for (const of of verified) for (const line of verifiedLines(of, args.includes('--values'))) say(line)
    const notStored = isWhole
      ? await contentNotStored(new Kysely({ dialect: new PostgresDialect({ pool }) }))()
      : null
    for (const line of content ? contentLines(content) : []) say(line)
    for (const line of notStored ? notStoredLines(notStored) : []) say(line)
    if (verified.some(({ stopped }) => stopped)) return 2
    const different = verified.flatMap(({ tables }) => tables).filter(({ equal }) => !equal)
    const rows = verified.flatMap(({ tables }) => tables).reduce((sum, { liveRows }) => sum + liveRows, 0)
    say(
      different.length === 0
        ? `equal: ${grouped(rows)} rows of ${verified.length} read models match the log`
        : `differs: ${different.length} tables do not match the log`,
    )
    return different.length === 0 && !content?.damaged.length && !notStored?.missing.length ? 0 : 1
  })
}

const names = (): string => projections.map(({ name }) => name).join(', ')

/** The named read models; all if none is named. */
const chosenBy = (args: readonly string[], flags: readonly string[]): readonly AnyProjection[] => {
  const named = args.filter((arg) => !flags.includes(arg))
  const unknown = named.filter((name) => !projections.some((projection) => projection.name === name))
  if (unknown.length > 0)
    throw new ConfigError(`There is no read model ${unknown.join(', ')}. There are ${names()}`)
  return named.length === 0 || args.includes('--all')
    ? projections
    : projections.filter(({ name }) => named.includes(name))
}

type Open = { readonly store: EventStore; readonly pool: pg.Pool }

/**
 * On the configured database and log, which a running service may be using. `replaced` are the read models that `work`
 * has already replaced if it fails.
 */
const onDatabase = async (
  { config, signal, warn, show }: Operation,
  replaced: readonly string[],
  work: (open: Open) => Promise<number>,
): Promise<number> => {
  const database = await connect(config, warn)
  const pool = createPool({
    ...database.connection,
    max: WRITERS + 6,
    application_name: 'mailtrail operation',
  })
  let store: EventStore | null = null
  try {
    store = await openStore(config, pool, (error) => warn(`Event store: ${error.message}`))
    return await work({ store, pool })
  } catch (error) {
    show('')
    const changed =
      replaced.length === 0
        ? 'Nothing was changed.'
        : `Rebuilt before that: ${replaced.join(', ')}. Everything else is unchanged.`
    if (signal.aborted) {
      warn(`Stopped. ${changed}`)
      return STOPPED_BY_SIGNAL
    }
    if (error instanceof ReadModelBusy || error instanceof CheckpointRefused || error instanceof UnknownShape)
      throw new ConfigError(`${error.message}. ${changed}`)
    if (replaced.length > 0) warn(changed)
    throw error
  } finally {
    await store?.close()
    await pool.end()
    await database.stop()
  }
}
