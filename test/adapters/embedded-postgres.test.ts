import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import t from 'tap'
import { startEmbeddedPostgres } from '../../src/adapters/embedded-postgres/embedded-postgres.ts'
import { commandLineOf } from '../../src/adapters/embedded-postgres/process-facts.ts'
import { query, service, until } from '../support/embedded-service.ts'

const isRoot = process.getuid?.() === 0
// Not below the project, whose folders another user may not enter.
const base = fs.mkdtempSync(path.join(os.tmpdir(), 'mailtrail embedded-'))
fs.chmodSync(base, 0o755)
const dataFolder = path.join(base, 'data of a service')
t.teardown(() => fs.rmSync(base, { recursive: true, force: true }))

const pidFile = path.join(dataFolder, 'cluster/postmaster.pid')
const serverPid = (): number => Number.parseInt(fs.readFileSync(pidFile, 'utf8'), 10)

const staysUp = 'setInterval(() => {}, 1000)'

t.test(
  'the first start makes a database and says so; the next is quick and finds what was stored',
  async (t) => {
    const progress: string[] = []
    const cutShort = path.join(dataFolder, `cluster-${2 ** 22 + 1}.unfinished`)
    fs.mkdirSync(path.join(cutShort, 'base'), { recursive: true })
    const first = await startEmbeddedPostgres({ dataFolder, onProgress: (line) => progress.push(line) })
    t.match(progress, [
      /^Creating the database in .*data of a service/,
      'Starting PostgreSQL',
      /^Database ready in [\d.]+ s$/,
    ])
    const [facts] = await query(
      first.connection,
      `select current_setting('fsync') as fsync, current_setting('server_encoding') as encoding,
       current_setting('listen_addresses') as addresses, lower('É') as lower, 'a' < 'B' as by_language`,
    )
    t.strictSame(facts, { fsync: 'on', encoding: 'UTF8', addresses: '', lower: 'é', by_language: false })
    await query(first.connection, 'create table kept (n int primary key)')
    await query(first.connection, 'insert into kept values (1)')
    t.notOk(fs.existsSync(cutShort), 'an earlier creation that was cut short is cleared away')
    t.equal(fs.statSync(dataFolder).mode & 0o077, 0, 'nobody else may read it')
    await first.stop()
    await first.stop()
    await first.ended
    t.notOk(fs.existsSync(pidFile))

    const again: string[] = []
    const second = await startEmbeddedPostgres({
      dataFolder,
      durable: false,
      settings: { work_mem: '7MB' },
      onProgress: (line) => again.push(line),
    })
    t.match(again, ['Starting PostgreSQL', /^Database ready/])
    const shown = `select n, current_setting('fsync') as fsync, current_setting('work_mem') as work_mem from kept`
    t.strictSame(await query(second.connection, shown), [{ n: 1, fsync: 'off', work_mem: '7MB' }])
    await second.stop()
  },
)

t.test('two services on one data folder: the second is refused and the first goes on', async (t) => {
  const server = await startEmbeddedPostgres({ dataFolder, durable: false })
  await t.rejects(startEmbeddedPostgres({ dataFolder }), {
    name: 'DataFolderInUse',
    message: /this very process/,
  })
  const second = service(t, dataFolder, staysUp)
  t.match(
    await second.said('DataFolderInUse'),
    new RegExp(`process ${process.pid}.*choose another data folder`),
  )
  await second.end
  t.strictSame(await query(server.connection, 'select n from kept'), [{ n: 1 }])
  await server.stop()
})

t.test('of two first starts at once one gets the data folder', async (t) => {
  const folder = path.join(base, 'contended')
  const both = [service(t, folder, staysUp), service(t, folder, staysUp)]
  const said = await Promise.all(
    both.map(({ said }) => Promise.race([said('ready'), said('DataFolderInUse')])),
  )
  await until(() => both.filter(({ lines }) => lines.length > 0).length === 2)
  const lines = both
    .flatMap((one) => one.lines.map((line) => line.split(':')[0]))
    .toSorted((a, b) => (a ?? '').localeCompare(b ?? ''))
  t.strictSame(lines, ['DataFolderInUse', 'ready'], said.join(' | '))
  for (const one of both) one.process.kill('SIGKILL')
  await until(() => !fs.existsSync(path.join(folder, 'cluster/postmaster.pid')))
})

t.test('when the service is killed its server ends too, and no acknowledged row is lost', async (t) => {
  const writer = service(
    t,
    dataFolder,
    `for (let n = 100; ; n++) { await client.query('insert into kept values ($1)', [n]); say('stored ' + n) }`,
  )
  await writer.said('stored 150')
  const pid = serverPid()
  writer.process.kill('SIGKILL')
  await writer.end
  const server = await startEmbeddedPostgres({ dataFolder, durable: false })
  t.not(serverPid(), pid)
  t.equal(commandLineOf(pid), '', 'the former server is gone')
  const rows = new Set(
    (await query(server.connection, 'select n from kept')).map(({ n }) => `stored ${String(n)}`),
  )
  t.strictSame(
    writer.lines.filter((line) => line.startsWith('stored') && !rows.has(line)),
    [],
  )
  await server.stop()
})

t.test('a server whose service and guard were both killed is stopped by the next start', async (t) => {
  const former = service(t, dataFolder, staysUp)
  await former.said('ready')
  const pid = serverPid()
  const guards = processes().filter((one) => one !== pid && /\/bin\/sh -c/.test(commandLineOf(one)))
  const own = guards.filter((one) => commandLineOf(one).includes(fs.realpathSync(dataFolder)))
  t.ok(own.length > 0, 'the guard is found')
  // The service first stands still, or it would notice that its guard dies, and the guard's other half act on that.
  former.process.kill('SIGSTOP')
  for (const one of own) process.kill(one, 'SIGKILL')
  former.process.kill('SIGKILL')
  await former.end
  t.not(commandLineOf(pid), '', 'the server is left over')
  const progress: string[] = []
  const server = await startEmbeddedPostgres({
    dataFolder,
    durable: false,
    onProgress: (line) => progress.push(line),
  })
  t.match(progress[0], /service that died/)
  t.equal(commandLineOf(pid), '')
  await server.stop()
})

/** Every process of this system; on a Mac none are listed. */
const processes = (): number[] => {
  const list = spawnSync('ps', ['-axo', 'pid='], { encoding: 'utf8' }).stdout ?? ''
  const names = fs.existsSync('/proc') ? fs.readdirSync('/proc') : list.split('\n')
  return names.map(Number).filter((pid) => pid > 0)
}

t.test('a server that is killed is known to have ended, and starts again over what it left', async (t) => {
  const server = await startEmbeddedPostgres({ dataFolder, durable: false })
  const client = new pg.Client(server.connection)
  client.on('error', () => {})
  await client.connect()
  const sleeping = client.query('select pg_sleep(30)')
  sleeping.catch(() => {})
  let hasEnded = false
  void server.ended.then(() => (hasEnded = true))
  process.kill(serverPid(), 'SIGKILL')
  await until(() => hasEnded)
  await server.stop()
  t.ok(fs.existsSync(pidFile), 'its pid file is still there')
  const next = await startEmbeddedPostgres({ dataFolder, durable: false })
  await t.rejects(sleeping)
  t.match(await query(next.connection, 'select count(*)::int as count from kept'), [{ count: Number }])
  await next.stop()
})

t.test('a pid file with the number of a process that is no server does not prevent a start', async (t) => {
  for (const pid of [process.pid, 2 ** 22 + 1]) {
    const lines = [pid, path.join(dataFolder, 'cluster'), 1, 5432, dataFolder, '', '5432 1', 'ready']
    fs.writeFileSync(pidFile, `${lines.join('\n')}\n`)
    const { uid, gid } = fs.statSync(path.dirname(pidFile))
    fs.chownSync(pidFile, uid, gid)
    const server = await startEmbeddedPostgres({ dataFolder, durable: false })
    await server.stop()
  }
  t.pass()
})

t.test('a server that answers from another container keeps its data folder', async (t) => {
  const socket = path.join(dataFolder, '.s.PGSQL.5432')
  const other = net.createServer().listen(socket)
  await once(other, 'listening')
  fs.writeFileSync(
    pidFile,
    `${[2 ** 22 + 1, dataFolder, 1, 5432, dataFolder, '', '5432 1', 'ready'].join('\n')}\n`,
  )
  await t.rejects(startEmbeddedPostgres({ dataFolder }), {
    name: 'DataFolderInUse',
    message: /another container/,
  })
  other.close()
  fs.rmSync(pidFile)
})

t.test('Ctrl-C reaches the service alone, so it finishes its work while the database is up', async (t) => {
  const draining = service(
    t,
    dataFolder,
    `const stay = setInterval(() => {}, 1000)
     process.on('SIGINT', async () => {
       clearInterval(stay)
       await new Promise((resolve) => setTimeout(resolve, 300))
       const { rows } = await client.query('select count(*)::int > 0 as works from kept')
       await client.end()
       await server.stop()
       say('drained ' + rows[0].works)
     })`,
  )
  await draining.said('ready')
  // As a terminal does it: to the whole group of processes.
  process.kill(-(draining.process.pid ?? 0), 'SIGINT')
  t.equal(await draining.said('drained'), 'drained true')
  await draining.end
  t.notOk(fs.existsSync(pidFile))
})

t.test('a process that just ends takes its server along', async (t) => {
  const careless = service(t, dataFolder, 'await client.end()')
  t.strictSame(await careless.end, [0, null], 'the server does not keep it alive')
  await until(() => !fs.existsSync(pidFile))
  t.match(careless.lines, ['ready'])
})

t.test('where the path is too long for a socket a short one is used and removed again', async (t) => {
  const folder = path.join(base, 'x'.repeat(100), 'data')
  fs.mkdirSync(path.dirname(folder))
  fs.cpSync(dataFolder, folder, { recursive: true })
  if (isRoot) fs.chownSync(folder, 0, 0)
  const server = await startEmbeddedPostgres({ dataFolder: folder, durable: false })
  t.ok(server.connection.host.length < 90)
  t.match(await query(server.connection, 'select 1 as one'), [{ one: 1 }])
  await server.stop()
  await server.ended
  t.notOk(fs.existsSync(server.connection.host))
  fs.rmSync(path.dirname(folder), { recursive: true })
})

t.test('a folder with something else in it is refused, and not touched', async (t) => {
  const folder = path.join(base, 'home')
  fs.mkdirSync(path.join(folder, 'letters'), { recursive: true, mode: 0o755 })
  await t.rejects(startEmbeddedPostgres({ dataFolder: folder }), {
    message: /contains letters.*choose an empty folder/,
  })
  t.equal(fs.statSync(folder).uid, process.getuid?.())
})
