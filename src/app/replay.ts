import { Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import { stems } from '../adapters/mime/words/languages.ts'
import { createPool } from '../adapters/postgres/pool.ts'
import { checkpointKey, readCheckpoints } from '../adapters/postgres/projections/state/checkpoints.ts'
import { requireReadModels } from '../adapters/postgres/projections/state/prepare.ts'
import { auditCommands } from '../commands/audit/audit.ts'
import type { HistoryOf } from '../commands/audit/belonging-to.ts'
import type { EventStore } from '../commands/ports/event-log.ts'
import { ConfigError } from '../config.ts'
import { subjectKinds } from '../domain/audit/subjects.ts'
import { askedInstant } from '../domain/mail.ts'
import { UnknownShape } from '../domain/upcast.ts'
import { toEventView } from '../http/audit/event-view.ts'
import { auditQueries } from '../projections/audit/audit.ts'
import { syncQueries } from '../projections/sync/sync.ts'
import { openStore } from './open-store.ts'
import { connect, requireTables, STOPPED_BY_SIGNAL, type Operation } from './operation.ts'
import { replayedLines } from './replay-report.ts'
import { stories } from './stories.ts'

const PAGE = 200

/**
 * `replay ID|STREAM [--at TIME] [--json]`: the history of one thing with all that belongs to it, or of one stream, each
 * event with what it changed; up to a time. With `--json` one event a line, as the API gives it.
 * @returns 0, 1 if there is no such history, 130 if stopped
 * @throws ConfigError for invalid arguments or settings, and for an event that only a newer version can read
 */
export const replay = async (operation: Operation): Promise<number> => {
  const { config, signal, warn } = operation
  const asked = askedOf(operation.args)
  const database = await connect(config, warn)
  const pool = createPool({ ...database.connection, max: 10, application_name: 'mailtrail operation' })
  let store: EventStore | null = null
  try {
    await requireTables(pool)
    store = await openStore(config, pool, (error) => warn(`Event store: ${error.message}`))
    const told = await tell(operation, { pool, store }, asked)
    return signal.aborted ? STOPPED_BY_SIGNAL : told > 0 ? 0 : 1
  } catch (error) {
    if (error instanceof UnknownShape) throw new ConfigError(error.message)
    throw error
  } finally {
    await store?.close()
    await pool.end()
    await database.stop()
  }
}

type Asked = {
  readonly of: HistoryOf | { readonly stream: string }
  readonly to?: string
  readonly json: boolean
}

const USAGE = `replay takes one id (acc_…, out_…, msg_…, thr_…, tpl_…, or such as contact:c-17) or the name of a stream, and --at TIME and --json`

const askedOf = (args: readonly string[]): Asked => {
  const at = args.indexOf('--at')
  const to = at === -1 ? undefined : args[at + 1]
  const [id, ...rest] = args.filter(
    (arg, index) => arg !== '--json' && (at === -1 || (index !== at && index !== at + 1)),
  )
  if (id === undefined || rest.length > 0 || id.startsWith('--')) throw new ConfigError(USAGE)
  if (at !== -1 && !askedInstant.safeParse(to).success)
    throw new ConfigError('--at takes an instant such as 2026-01-31T12:00:00Z')
  return { of: historyNamed(id), json: args.includes('--json'), ...(to === undefined ? {} : { to }) }
}

const KINDS = { acc: 'account', out: 'email', msg: 'message', thr: 'thread', tpl: 'template' } as const

const historyNamed = (text: string): Asked['of'] => {
  const [, prefix] = /^(acc|out|msg|thr|tpl)_/.exec(text) ?? []
  if (prefix !== undefined) return { kind: KINDS[prefix as keyof typeof KINDS], id: text }
  const kind = subjectKinds.find((each) => text.startsWith(`${each}:`))
  return kind ? { kind, id: text.slice(kind.length + 1) } : { stream: text }
}

type Open = { readonly pool: pg.Pool; readonly store: EventStore }

/** @returns how many events were shown */
const tell = async (
  { say, warn, signal }: Operation,
  { pool, store }: Open,
  asked: Asked,
): Promise<number> => {
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  const queries = auditQueries(db)
  const threads = syncQueries(db, {
    visibilityOf: async () => 'everything',
    mayRead: async () => true,
    sendOnlyAccounts: async () => [],
    stems,
  })
  const { eventIndex } = queries.readModels
  await requireReadModels(pool, [eventIndex, threads.readModels.threads]).catch(() => {
    throw new ConfigError('The database has no index of events yet: start the service on it once')
  })
  const reached = (await readCheckpoints(pool)).get(checkpointKey(eventIndex)) ?? null
  const commands = auditCommands({ store, stories, ...threads, ...queries })
  const named = await namedBy(asked.of, commands.belongingTo)
  let after: string | null = null
  let shown = 0
  while (!signal.aborted) {
    const query = { ...named, to: asked.to, userId: null }
    const refs = await queries.findEvents(query, { descending: false, after, limit: PAGE })
    const events = await commands.read(refs)
    const changes = await commands.replay(events)
    for (const event of events) {
      const replayed = { ...toEventView(event), changes: [...(changes.get(event.id) ?? [])] }
      if (asked.json) say(JSON.stringify(replayed))
      else for (const line of replayedLines(replayed)) say(line)
    }
    shown += events.length
    after = refs.at(-1)?.position ?? null
    if (refs.length < PAGE) break
  }
  if (shown === 0) warn('There is no such history: check the id, and the time')
  const { events } = await store.readAll({ after: reached, limit: 1 })
  if (events.length > 0)
    warn('The newest events of the log may be missing, since the service has not taken them in yet')
  return shown
}

type BelongingTo = ReturnType<typeof auditCommands>['belongingTo']

const namedBy = async (of: Asked['of'], belongingTo: BelongingTo) => {
  if ('stream' in of) return { stream: of.stream, about: [] }
  if (of.kind === 'account') return { account: of.id, about: [] }
  return { about: [await belongingTo(of, null)] }
}
