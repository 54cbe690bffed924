import type pg from 'pg'
import { migrate } from '../adapters/postgres/migrate.ts'
import { createPool } from '../adapters/postgres/pool.ts'
import { rebuildReadModels } from '../adapters/postgres/projections/rebuild/rebuild.ts'
import { ReadModelBusy } from '../adapters/postgres/projections/rebuild/session.ts'
import { verifyReadModels } from '../adapters/postgres/projections/rebuild/verify.ts'
import { CheckpointRefused } from '../adapters/postgres/projections/state/checkpoints.ts'
import type { EventStore } from '../commands/ports/event-log.ts'
import { ConfigError } from '../config.ts'
import { UnknownShape } from '../domain/upcast.ts'
import type { AnyProjection } from '../projections/projection.ts'
import { openStore, requireOwnLog } from './open-store.ts'
import { connect, requireTables, STOPPED_BY_SIGNAL, type Operation } from './operation.ts'
import { grouped, progressLine, verifiedLines } from './operations-report.ts'
import { projections } from './read-models.ts'

const WRITERS = 4

/**
 * `rebuild NAME...|--all`: fills read models anew and puts them in the place of those in use.
 * @returns 0 when all were, 1 when one was not, 130 when it was stopped
 * @throws ConfigError for arguments and settings that cannot be used, and where another process is at it
 */
export const rebuild = async (operation: Operation): Promise<number> => {
  const { args, signal, say, warn, show } = operation
  if (args.length === 0) throw new ConfigError(`Say which read models, or --all. There are ${names()}`)
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
      if (stopped) warn(`${stopped.message}. What is in use is as it was.`)
      else say(`${projection.name}  rebuilt up to position ${position}`)
      if (left !== null)
        warn(`${left} could not be dropped, as it is read for so long: the next rebuild will.`)
    }
    const head = await store.head()
    const { unit, amount } = store.extent(head)
    const seconds = (performance.now() - startedAt) / 1000
    const peak = process.resourceUsage().maxRSS / 1024
    say(
      `${grouped(amount)} ${unit} of the log in ${seconds.toFixed(1)} s, ${grouped(amount / seconds)} a second; ` +
        `${grouped(peak)} MB of memory at most`,
    )
    return rebuilt.some(({ stopped }) => stopped) ? 1 : 0
  })
}

/**
 * `verify [NAME...] [--values]`: compares read models with the log, row by row. Values of rows are shown where that is
 * asked for, as they may be personal.
 * @returns 0 where all are equal, 1 where one differs, 2 where it could not be told, 130 when it was stopped
 * @throws ConfigError as `rebuild` does
 */
export const verify = async (operation: Operation): Promise<number> => {
  const { args, signal, say, show } = operation
  const chosen = chosenBy(args, ['--all', '--values'])
  return onDatabase(operation, [], async ({ store, pool }) => {
    await requireTables(pool)
    const onProgress = progressLine(show)
    const verified = await verifyReadModels({ store, pool, signal, writers: WRITERS, onProgress }, chosen)
    show('')
    for (const of of verified) for (const line of verifiedLines(of, args.includes('--values'))) say(line)
    if (verified.some(({ stopped }) => stopped)) return 2
    const different = verified.flatMap(({ tables }) => tables).filter(({ equal }) => !equal)
    const rows = verified.flatMap(({ tables }) => tables).reduce((sum, { liveRows }) => sum + liveRows, 0)
    say(
      different.length === 0
        ? `equal: ${grouped(rows)} rows of ${verified.length} read models are what the log makes of them`
        : `differs: ${different.length} tables are not what the log makes of them`,
    )
    return different.length === 0 ? 0 : 1
  })
}

const names = (): string => projections.map(({ name }) => name).join(', ')

/** The read models that are named; all where none is. */
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
 * On the database and the log of the settings, which may be those of a running service. `replaced` are the read models
 * that `work` has changed by the time it fails.
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
        : `Rebuilt before that: ${replaced.join(', ')}. All else is as it was.`
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
