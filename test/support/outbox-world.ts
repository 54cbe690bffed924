import { Kysely, PostgresDialect } from 'kysely'
import type { Test } from 'tap'
import { postgresApiKeys } from '../../src/adapters/postgres/api-keys.ts'
import { postgresBlobStore } from '../../src/adapters/postgres/blob-store.ts'
import { postgresEventStore } from '../../src/adapters/postgres/event-log/event-store.ts'
import { postgresIdempotency } from '../../src/adapters/postgres/idempotency.ts'
import { postgresLeases } from '../../src/adapters/postgres/leases.ts'
import { migrate } from '../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { projectionRunner } from '../../src/adapters/postgres/projections/run/runner.ts'
import { fileCopies, recoverDeadSends, sendDue } from '../../src/commands/sending/automations.ts'
import { sendingCommands } from '../../src/commands/sending/sending.ts'
import { outgoingEmail, outgoingStream } from '../../src/domain/sending/outgoing-email.ts'
import { storedKey } from './stored-key.ts'
import { attachmentRoutes } from '../../src/http/sending/attachments.ts'
import { perMinute } from '../../src/http/server/limits.ts'
import { draftRoutes } from '../../src/http/sending/drafts.ts'
import { outboxRoutes } from '../../src/http/sending/outbox.ts'
import { fileSeals } from '../../src/http/sending/sealed-files.ts'
import { buildServer } from '../../src/http/server/server.ts'
import { sendingProjections, sendingQueries } from '../../src/projections/sending/sending.ts'
import { figuresToday, syncStatus } from '../../src/projections/sync/sync-status.ts'
import { serverSettings } from './server-settings.ts'
import { testDatabase } from './test-database.ts'
import { never, sendingWorld, until } from './sending-world.ts'

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

/** Drafts and the outbox over HTTP, on a database and servers of their own, with the automations of two processes. */
export const outboxWorld = async (t: Test) => {
  const pool = createPool({ ...(await testDatabase(t)), max: 20 })
  t.teardown(() => pool.end())
  await migrate(pool)
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  const store = postgresEventStore(pool, { onError: (error) => t.comment(error.message) })
  t.teardown(() => store.close())
  const world = await sendingWorld(t, {
    store,
    blobs: postgresBlobStore(pool),
    realTime: true,
    withImap: true,
  })
  const { needs, sink } = world

  const stopping = new AbortController()
  const runner = projectionRunner({
    store,
    pool,
    leases: postgresLeases(pool, { owner: 'projections' }),
    projections: [...sendingProjections, syncStatus],
    log: { info: () => {}, error: (fields, message) => t.comment(message, fields) },
  })
  const running = runner.start(stopping.signal)
  t.teardown(async () => {
    stopping.abort()
    await running
  })
  const commands = sendingCommands({ ...needs, deliveryWindowMinutes: 0 })
  const queries = sendingQueries(db, {
    visibilityOf: async () => 'everything',
    visibleAccounts: async () => 'all',
    mayRead: async () => true,
    readableAccounts: async () => [],
    sendOnlyAccounts: async () => [],
  })
  const now = { filing: 0, unknown: 0, other: 0 }
  const made = () =>
    Promise.all([
      figuresToday(db)(null, new Date()),
      queries.dueDeliveries(0, 1),
      queries.copiesToFile(1, now),
      queries.listDrafts({}, { descending: true, after: null, limit: 1 }),
      queries.foundEmails(1),
      queries.unreadReports(1),
    ])
  await until(
    () =>
      made().then(
        () => true,
        () => false,
      ),
    'the tables are made',
  )

  const apiKeys = postgresApiKeys(pool)
  const { token } = await storedKey(apiKeys)
  const app = await buildServer({
    clock: world.clock,
    apiKeys,
    idempotency: postgresIdempotency(pool),
    fingerprintKey: Buffer.alloc(32, 7),
    waitFor: (name, position, ms) => runner.waitFor(name, position, ms),
    logLevel: 'silent',
    ...serverSettings,
    trustProxy: [],
  })
  const { load } = needs
  const files = fileSeals(Buffer.alloc(32, 9))
  draftRoutes(app, { commands, queries, files })
  outboxRoutes(app, {
    commands,
    queries,
    accountList: queries.readModels.outbox,
    files,
    recipients: [],
  })
  attachmentRoutes(app, { commands, files, uploads: perMinute(2 ** 40, world.clock) })
  t.teardown(() => app.close())

  const ask = (method: Method, url: string, payload?: object, headers: Record<string, string> = {}) =>
    app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${token.reveal()}`, ...headers },
      ...(payload === undefined ? {} : { payload }),
    })
  const email = (changes: object = {}) => ({
    accountId: world.account.now.accountId,
    to: [{ address: 'ann@client.test' }],
    subject: 'Our offer',
    html: '<p>Hello</p>',
    ...changes,
  })
  const post = async (changes: object = {}, when: object = { undoSeconds: 0 }) => {
    const answer = await ask('POST', '/v1/outbox', { email: email(changes), ...when })
    if (answer.statusCode !== 201) throw new Error(answer.body)
    return answer.json<{ id: string; state: string; dueAt: string }>()
  }
  /** The automations of one process: everything but the log and the database is its own. */
  const processOf = (owner: string) => {
    const leases = postgresLeases(pool, { owner, termMs: 2000 })
    const common = {
      ...queries,
      leases,
      clock: world.clock,
      read: commands.read,
      send: commands.send,
      recover: commands.recoverReleased,
    }
    const file = fileCopies({
      leases,
      clock: world.clock,
      openMailbox: needs.openMailbox,
      copiesToFile: (limit) => queries.copiesToFile(limit, now),
      file: commands.fileSentCopy,
      giveUp: commands.giveUpOnCopy,
    })
    return { send: sendDue(common), file, recover: recoverDeadSends(common) }
  }
  const one = processOf('one')
  const two = processOf('two')
  const caughtUp = async () => {
    const head = await store.head()
    if (head === null) return
    for (const { name } of [...sendingProjections, syncStatus]) await runner.waitFor(name, head, 120_000)
  }
  const state = async (id: string) => (await load(outgoingEmail, outgoingStream(id))).state.status
  /** Others may be due before it. */
  const sendUntil = (wanted: string, id: string) =>
    until(async () => {
      await caughtUp()
      await one.send(never)
      return (await state(id)) === wanted
    }, `${id} is ${wanted}`)
  const timesSent = (id: string) => sink.messages.filter(({ raw }) => raw.includes(id)).length

  return {
    pool,
    db,
    store,
    world,
    commands,
    queries,
    now,
    app,
    ask,
    email,
    post,
    processOf,
    one,
    two,
    caughtUp,
    state,
    sendUntil,
    timesSent,
    needs,
    sink,
    token,
  }
}
