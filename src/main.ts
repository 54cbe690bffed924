import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startEmbeddedPostgres } from './adapters/embedded-postgres/embedded-postgres.ts'
import { EmbeddedPostgresError } from './adapters/embedded-postgres/binaries.ts'
import { awaitDatabase } from './adapters/postgres/await-database.ts'
import { NewerDatabase } from './adapters/postgres/migrate.ts'
import { createPool } from './adapters/postgres/pool.ts'
import { KeyringError } from './adapters/vault/keyring.ts'
import type { Operation } from './app/operation.ts'
import { ConfigError, readConfig, type Config } from './config.ts'

const STOP_WITHIN_MS = 20_000

/** A database that is started together with us may take a while. */
const START_PATIENCE_MS = 60_000

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Runs the service until SIGINT or SIGTERM, then finishes what is in progress, for at most 20 s. */
const serve = async (config: Config): Promise<void> => {
  const stopping = stopSignal()
  // Others may enter: if we are root, the embedded database runs as another user. The keys have mode 0600.
  mkdirSync(config.dataFolder, { recursive: true, mode: 0o711 })
  const database = config.databaseUrl === null ? await embedded(config) : null
  const pool = createPool({
    ...(database ? database.connection : { connectionString: config.databaseUrl ?? '' }),
    max: 20,
    application_name: 'mailtrail',
  })
  const giveUp = async (error: unknown): Promise<never> => {
    await database?.stop()
    throw startError(error, config)
  }
  if (database === null)
    await awaitDatabase(pool, START_PATIENCE_MS, () =>
      say(`Waiting for the database of DATABASE_URL, for ${START_PATIENCE_MS / 1000} s at most.`),
    ).catch(giveUp)
  // Loaded here, because the other verbs need little of it.
  const { createApp } = await import('./app.ts')
  const app = await createApp({ config, pool, logTo: process.stderr }).catch(giveUp)
  // Shown before the start, which may fail: no later start shows it.
  if (app.firstKey) say(`  API key      ${app.firstKey.reveal()}   (shown only once: keep it)`)
  await app.start().catch(giveUp)
  if (config.role === 'worker') say(`  Health       ${app.url}/health`)
  else {
    say(`  API          ${app.url}/v1`)
    say(`  Description  ${app.url}/docs`)
  }
  say(`  Data         ${config.databaseUrl === null ? config.dataFolder : 'in the database of DATABASE_URL'}`)
  if (app.firstKey) say(`  Next         connect a mailbox: "First steps" in README.md has the requests`)
  say(`Mailtrail is ready. Ctrl-C stops it.`)

  const end = await Promise.race([
    stopping,
    database?.ended.then(() => 'database' as const) ?? new Promise<never>(() => {}),
  ])
  if (end === 'database') say('The database ended by itself; see its log in the data folder. Stopping.')
  const tooLong = setTimeout(() => process.exit(1), STOP_WITHIN_MS)
  await app.stop()
  await pool.end()
  await database?.stop()
  clearTimeout(tooLong)
  process.exitCode = end === 'database' ? 1 : 0
}

/** Turns an error that prevents the start into a one-line explanation; anything else is a bug and stays as it is. */
const startError = (error: unknown, { host, port, databaseUrl }: Config): unknown => {
  let of = error
  while (of instanceof Error && of.cause !== undefined) of = of.cause
  if (of instanceof AggregateError) of = of.errors[0]
  const { code = '', syscall = '' } = of instanceof Error ? (of as NodeJS.ErrnoException) : {}
  if (syscall === 'listen' || (code === 'ENOTFOUND' && databaseUrl === null))
    return new ConfigError(
      `Cannot listen on ${host} port ${port} (${code}): set MAILTRAIL_HOST and MAILTRAIL_PORT`,
    )
  // PostgreSQL's classes 08, 28, 3D and 57P: no connection, no such login or database, not up. The driver has no code
  // for a connection lost during the start.
  const isLost = of instanceof Error && /^(?:Connection terminated|Client has encountered)/.test(of.message)
  if (databaseUrl !== null && (isLost || /^(?:E[A-Z]+|08\w{3}|28\w{3}|3D\w{3}|57P\w{2}|53300)$/.test(code)))
    return new ConfigError(
      `The database of DATABASE_URL cannot be used (${code || 'connection lost'}): check host, port, database, user and password`,
    )
  return error
}

const embedded = (config: Config) =>
  startEmbeddedPostgres({ dataFolder: join(config.dataFolder, 'postgres'), onProgress: say })

/** Resolves on the first SIGINT or SIGTERM; another one, a second or more later, ends the process at once. */
const stopSignal = (): Promise<'signal'> =>
  new Promise((resolve) => {
    let askedAt = Infinity
    const onSignal = () => {
      // The terminal and npm may both pass on one Ctrl-C.
      if (performance.now() - askedAt > 1000) process.exit(1)
      askedAt = Math.min(askedAt, performance.now())
      resolve('signal')
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })

type Verb = (operation: Operation) => Promise<number>

/** Verbs that do their work and end. Each loads only what it needs, and `serve` loads none of them. */
const verbs: Readonly<Record<string, () => Promise<Verb>>> = {
  rebuild: async () => (await import('./app/operations.ts')).rebuild,
  verify: async () => (await import('./app/operations.ts')).verify,
  reindex: async () => (await import('./app/reindex.ts')).reindex,
  replay: async () => (await import('./app/replay.ts')).replay,
  'create-key': async () => (await import('./app/create-key.ts')).createKey,
  'rotate-keys': async () => (await import('./app/rotate-keys.ts')).rotateKeys,
}

/** @returns the exit code */
const operate = async (verb: Verb, args: readonly string[], config: Config): Promise<number> => {
  const stop = new AbortController()
  void stopSignal().then(() => stop.abort())
  // Whoever read our output, such as `head`, has had enough.
  process.stdout.on('error', () => stop.abort())
  return verb({
    config,
    args,
    signal: stop.signal,
    say,
    warn: (line) => void process.stderr.write(`${line}\n`),
    show: progressOn(process.stderr),
  })
}

/** On a terminal a single line that is updated, elsewhere one line every five seconds. */
const progressOn = (to: NodeJS.WriteStream): ((line: string) => void) => {
  const pauseMs = to.isTTY ? 200 : 5_000
  let shownAt = -Infinity
  return (line) => {
    if (line === '') {
      if (to.isTTY) to.write('\r\x1b[K')
    } else if (performance.now() - shownAt >= pauseMs) {
      shownAt = performance.now()
      to.write(to.isTTY ? `\r\x1b[K${line.slice(0, to.columns - 1)}` : `${line}\n`)
    }
  }
}

const usage = `Usage: mailtrail serve | rebuild NAME...|--all | verify [NAME...] [--values] | reindex | replay ID|STREAM [--at TIME] [--json] | create-key --name NAME [--scope PERMISSION]... [--user ID] [--expires AT] | rotate-keys [--retire]

  serve        run the service: API, sync, sending, tracking; or a part of it, by MAILTRAIL_ROLE
  rebuild      rebuild read models from the log while the service runs, and switch over at once
  verify       compare read models with the log row by row; exit code 0 equal, 1 different, 2 could not compare
  reindex      make what messages are found by again from their stored bytes, while the service runs
  replay       show the history of one thing, event by event, with what each one changed, up to a time
  create-key   create an API key and print it once, with every permission unless --scope names some
  rotate-keys  reseal stored credentials under a new key while the service runs; --retire removes unused keys

Settings come from the environment; README.md lists them.`

const run = async (verb: string, args: readonly string[]): Promise<void> => {
  const config = readConfig(process.env)
  const load = verbs[verb]
  if (!load) return serve(config)
  process.exitCode = await operate(await load(), args, config).catch((error: unknown) => {
    throw startError(error, config)
  })
}

/** Whose message says what to do, so that nobody needs to see where they come from. */
const expectedErrors = [ConfigError, KeyringError, EmbeddedPostgresError, NewerDatabase]

const main = async ([verb = 'serve', ...args]: string[]): Promise<void> => {
  if (verb === 'serve' ? args.length > 0 : !Object.hasOwn(verbs, verb)) {
    process.stderr.write(`${usage}\n`)
    process.exitCode = 2
    return
  }
  try {
    await run(verb, args)
  } catch (error) {
    const isExpected = expectedErrors.some((kind) => error instanceof kind)
    // For verify, 1 would mean that something differs.
    if (!isExpected && verb !== 'verify') throw error
    const { message = '', stack = 'A value that is not an Error was thrown' } =
      error instanceof Error ? error : {}
    process.stderr.write(`${isExpected ? message : stack}\n`)
    process.exit(verb === 'verify' ? 2 : 1)
  }
}

await main(process.argv.slice(2))
