import { Kysely, PostgresDialect } from 'kysely'
import t from 'tap'
import { isEverybodys } from '../src/adapters/linking/free-mail.ts'
import { postgresEventStore } from '../src/adapters/postgres/event-log/event-store.ts'
import { postgresLeases } from '../src/adapters/postgres/leases.ts'
import { migrate } from '../src/adapters/postgres/migrate.ts'
import { createPool } from '../src/adapters/postgres/pool.ts'
import { prepareReadModels } from '../src/adapters/postgres/projections/state/prepare.ts'
import { projectionRunner } from '../src/adapters/postgres/projections/run/runner.ts'
import { putEntry } from '../src/commands/directory/put-entry.ts'
import { handler, systemCaller } from '../src/commands/handle.ts'
import type { EventStore } from '../src/commands/ports/event-log.ts'
import type { MailProvider } from '../src/commands/ports/mail-provider.ts'
import {
  confirmDeliveries,
  fileCopies,
  recoverDeadSends,
  sendDue,
} from '../src/commands/sending/automations.ts'
import { confirmDelivery } from '../src/commands/sending/confirm-delivery.ts'
import { fileSentCopy, giveUpOnCopy } from '../src/commands/sending/file-sent-copy.ts'
import { recoverReleased } from '../src/commands/sending/recover-released.ts'
import { readEmail } from '../src/commands/sending/read-email.ts'
import { sendEmail } from '../src/commands/sending/send-email.ts'
import { runAutomations } from '../src/commands/automation-runner.ts'
import { directory } from '../src/projections/directory/entries.ts'
import { listEntries } from '../src/projections/directory/find-entries.ts'
import { testDatabase } from './support/test-database.ts'
import { sendingWorld, until, type World } from './support/sending-world.ts'
import { mail, outcomeOf, syncRig } from './support/mailbox-to-sync.ts'

// A process that was stopped learns of the loss of its lease only some time after it goes on. Here it never does within
// a test: its leases are not renewed, their end is set in the database, and what it writes then is as late as can be.
const LONG_MS = 600_000
const always = new AbortController().signal

const pool = createPool({ ...(await testDatabase(t)), max: 20 })
t.teardown(() => pool.end())
await migrate(pool)
await prepareReadModels(pool, [directory])

const leasesOf = (owner: string) => postgresLeases(pool, { owner, termMs: LONG_MS })
const letTimePass = async (name: string) => {
  const { rowCount } = await pool.query(
    'update mailtrail.leases set expires_at = clock_timestamp() where name = $1 and expires_at > clock_timestamp()',
    [name],
  )
  if (rowCount !== 1) throw new Error(`Nobody holds ${name}`)
}

/** A place at which a process is stopped: `reached` once it is there, and on it goes with `goOn`. */
const stopAt = () => {
  const reached = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  return {
    reached: reached.promise,
    goOn: () => gone.resolve(),
    here: async () => {
      reached.resolve()
      await gone.promise
    },
  }
}

/** The store of a process that is stopped in front of the first append to such a stream that has such an event. */
const stoppedIn = (store: EventStore, type: string, stop: ReturnType<typeof stopAt>): EventStore => ({
  ...store,
  append: async (append) => {
    if (append.events.some((event) => event.type === type)) await stop.here()
    return store.append(append)
  },
})

t.test('a read model: the page of a stale holder is not written', async (t) => {
  const store = postgresEventStore(pool)
  const stop = stopAt()
  t.teardown(() => store.close())
  const clock = () => new Date()
  const put = (firstName: string) =>
    putEntry({ handle: handler(store, clock), isEverybodys })(systemCaller('test', clock, 'c-1'), {
      kind: 'contact',
      id: 'c-1',
      value: { firstName, emails: [] },
    })
  const said: string[] = []
  const run = (owner: string, of: EventStore) => {
    const end = new AbortController()
    const log = {
      info: (_: object, message: string) => void said.push(`${owner}: ${message}`),
      error: () => {},
    }
    const runner = projectionRunner({
      store: of,
      pool,
      leases: leasesOf(owner),
      projections: [directory],
      log,
    })
    const ended = runner.start(end.signal)
    t.teardown(async () => {
      end.abort()
      stop.goOn()
      await ended
    })
    return runner
  }
  // It has read the page, and is stopped before it writes it.
  const late: EventStore = {
    ...store,
    subscribe: async function* (options) {
      for await (const page of store.subscribe(options)) {
        if (page.events.length > 0) await stop.here()
        yield page
      }
    },
  }
  const first = run('first', late)
  await until(async () => (await first.status())[0]!.runningHere, 'the first runs')
  await put('Ann')
  await stop.reached
  await letTimePass(`projection:directory.v${directory.version}`)
  const second = run('second', store)
  const { position } = await put('Bea')
  t.ok(await second.waitFor('directory', position ?? '', 120_000), 'the second took over')
  const rows = async () =>
    pool.query(`select * from rm_directory_v${directory.version}.entry order by 1, 2`).then((of) => of.rows)
  const before = await rows()
  stop.goOn()
  await until(
    () => said.includes('first: Another process has taken over this projection, or reset it'),
    'the first notices',
  )
  t.strictSame(await rows(), before)
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  t.match(
    await listEntries(db)({ kind: 'contact' }, { by: 'id', descending: false, after: null, limit: 10 }),
    [{ value: { firstName: 'Bea' } }],
  )
})

for (const [where, type] of [
  ['the middle of a folder', 'MessageSynced'],
  ['front of its figures', 'ChangesSynced'],
  ['front of its end', 'SyncRunFinished'],
] as const)
  t.test(`a sync run: one that was stopped in ${where} counts nothing twice`, async (t) => {
    const rig = await syncRig(t, { inbox: Array.from({ length: 20 }, (_, n) => mail(n)) })
    const stop = stopAt()
    t.teardown(() => stop.goOn())
    const store = stoppedIn(rig.store, type, stop)
    const late = rig.run(always, 'schedule', {
      leases: leasesOf('first'),
      store,
      handle: rig.handleOn(store),
    })
    await stop.reached
    const [{ name }] = (
      await pool.query<{ name: string }>(
        `select name from mailtrail.leases where owner = 'first' and name like 'sync-%'`,
      )
    ).rows as [{ name: string }]
    await letTimePass(name)
    t.equal(outcomeOf(await rig.run(always, 'schedule', { leases: leasesOf('second') })), 'success')
    const [events, lies] = [await rig.events(), await rig.whatLies()]
    stop.goOn()
    await late
    t.strictSame(await rig.events(), events, 'what the stale one tells is refused, or told already')
    t.strictSame(await rig.whatLies(), lies)
    t.equal((await rig.eventsOf('MessageSynced')).length, 20)
    const ends = (await rig.eventsOf('SyncRunFinished')).map(
      ({ data }) => (data as { outcome: string }).outcome,
    )
    t.strictSame(ends, ['abandoned', 'success'])
  })

/** The automations of a process that sends for the one account, over a store of its own view. */
const senderOf = (
  world: World,
  owner: string,
  store: EventStore,
  provider: MailProvider = world.provider,
) => {
  const needs = { ...world.needs, providerOf: () => provider, handle: handler(store, world.clock) }
  const ids = async (...statuses: string[]) => {
    const page = await world.store.readAll({ after: null, limit: 1000 })
    const known = new Set(page.events.map(({ stream }) => stream.slice('outgoing-'.length)))
    const states = await Promise.all([...known].map(async (id) => ({ id, ...(await world.state(id)) })))
    return states.filter(({ status }) => statuses.includes(status)).map(({ id }) => id)
  }
  const { accountId } = world.account.now
  const deps = {
    leases: leasesOf(owner),
    clock: world.clock,
    accountsWithDue: async () => ((await ids('queued', 'deferred')).length > 0 ? [accountId] : []),
    dueEmails: () => ids('queued', 'deferred'),
    emailsBeingSent: async () => (await ids('sending')).map((id) => ({ id, accountId })),
    read: readEmail(needs),
    send: sendEmail(needs),
    recover: recoverReleased(needs),
  }
  return { send: sendDue(deps), recover: recoverDeadSends(deps) }
}
const leaseOf = ({ account }: World) => `send:${account.now.accountId}`

t.test('a send: a sender that was stopped before the release does not send', async (t) => {
  const world = await sendingWorld(t)
  const id = await world.queue()
  const stop = stopAt()
  const late = senderOf(world, 'first', stoppedIn(world.store, 'EmailReleased', stop)).send(always)
  await stop.reached
  await letTimePass(leaseOf(world))
  t.ok(await senderOf(world, 'second', world.store).send(always))
  stop.goOn()
  await late
  t.same(await world.types(id), ['EmailQueued', 'EmailReleased', 'EmailSent'])
  t.equal(world.sink.messages.length, 1)
})

t.test(
  'a send: one that was stopped behind the release is unknown, never sent by another, and tells late',
  async (t) => {
    const world = await sendingWorld(t)
    const id = await world.queue()
    const stop = stopAt()
    const slow: MailProvider = {
      ...world.provider,
      send: (access, email, release, signal) => {
        const stopped = async (handle: string | null) => {
          const may = await release(handle)
          await stop.here()
          return may
        }
        return world.provider.send(access, email, stopped, signal)
      },
    }
    const late = senderOf(world, 'first', world.store, slow).send(always)
    await stop.reached
    await letTimePass(leaseOf(world))
    const second = senderOf(world, 'second', world.store)
    await second.recover(always)
    await second.send(always)
    t.equal((await world.state(id)).status, 'unknown')
    t.equal(world.sink.messages.length, 0, 'nobody sends it for the stopped one')
    stop.goOn()
    await late
    t.equal(world.sink.messages.length, 1)
    t.same(await world.types(id), ['EmailQueued', 'EmailReleased', 'EmailOutcomeLost', 'EmailSent'])
  },
)

t.test('a copy in Sent: a filer that was stopped before it looked finds the copy of another', async (t) => {
  const world = await sendingWorld(t, { withImap: true })
  const id = await world.queue()
  await world.send(id)
  const stop = stopAt()
  const filer = (owner: string, load: typeof world.needs.load) =>
    fileCopies({
      ...world.needs,
      leases: leasesOf(owner),
      copiesToFile: () => Promise.resolve([{ accountId: world.account.now.accountId, ids: [id] }]),
      file: fileSentCopy({ ...world.needs, load }),
      giveUp: giveUpOnCopy(world.needs),
    })(always)
  // It has read that there is no copy yet.
  const slow: typeof world.needs.load = async (...of) => {
    const loaded = await world.needs.load(...of)
    await stop.here()
    return loaded
  }
  const late = filer('first', slow)
  await stop.reached
  await letTimePass(`copies:${world.account.now.accountId}`)
  await filer('second', world.needs.load)
  stop.goOn()
  await late
  t.same(
    (await world.types(id)).filter((type) => type === 'SentCopyFiled'),
    ['SentCopyFiled'],
  )
  t.equal(world.imap!.mailbox('me').messages('Sent').length, 1)
})

t.test('work that one process does at a time: what two do is done once', async (t) => {
  const world = await sendingWorld(t)
  const id = await world.queue()
  await world.send(id)
  world.time.now += 3_600_000
  const stop = stopAt()
  const end = new AbortController()
  const run = (owner: string, store: EventStore) => {
    const needs = { ...world.needs, handle: handler(store, world.clock), windowMinutes: 1 }
    const work = confirmDeliveries({
      clock: world.clock,
      dueDeliveries: async () => [{ id, seenUntil: world.clock().toISOString() }],
      confirm: confirmDelivery(needs),
    })
    const automation = { name: 'deliveries', wakeOn: [], everyMs: LONG_MS, single: true, work }
    const parts = {
      leases: leasesOf(owner),
      onAdvanced: () => () => {},
      onError: (_: string, error: unknown) => t.fail(String(error)),
    }
    return runAutomations([automation], parts, end.signal)
  }
  const delivered = async () => (await world.types(id)).filter((type) => type === 'EmailDelivered').length
  const late = run('first', stoppedIn(world.store, 'EmailDelivered', stop))
  await stop.reached
  await letTimePass('automation:deliveries')
  const other = run('second', world.store)
  await until(async () => (await delivered()) === 1, 'the second does it')
  stop.goOn()
  end.abort()
  await Promise.all([late, other])
  t.equal(await delivered(), 1)
})
