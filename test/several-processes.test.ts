import { once } from 'node:events'
import net from 'node:net'
import pg from 'pg'
import t, { type Test } from 'tap'
import { apiClient, until, type Client } from '../scripts/lib/client.ts'
import { freePort } from '../scripts/lib/free-port.ts'
import { imapServer, smtpSink } from '../scripts/lib/mail-servers.ts'
import { startService, type Service } from '../scripts/lib/service.ts'
import { testDatabase } from './support/postgres.ts'

type Role = 'api' | 'worker'

/** A database of its own, and processes on it, which share a data folder where nothing else is said. */
const site = async (t: Test) => {
  const config = await testDatabase(t)
  const { host, port = 5432, user, password, database } = config as Record<string, string | undefined>
  const login = password === undefined ? user : `${user}:${password}`
  const url = `postgres://${login}@localhost:${port}/${database}?host=${encodeURIComponent(host ?? '')}`
  const folder = t.testdir()
  const client = new pg.Client(config)
  await client.connect()
  t.teardown(() => client.end())
  return {
    folder,
    query: async <Row extends pg.QueryResultRow>(sql: string) => (await client.query<Row>(sql)).rows,
    start: async (role: Role, env: Record<string, string> = {}): Promise<Service> =>
      startService(
        {
          // What tap gives its children is not for a service.
          NODE_OPTIONS: '',
          DATABASE_URL: url,
          MAILTRAIL_ROLE: role,
          MAILTRAIL_DATA: folder,
          MAILTRAIL_PORT: String(await freePort()),
          MAILTRAIL_LOG_LEVEL: 'warn',
          ...env,
        },
        { onSpawn: (child) => t.teardown(() => child.kill('SIGKILL')) },
      ),
  }
}

const keyOf = (services: readonly Service[]): string => services.find(({ key }) => key !== null)?.key ?? ''

const statusOf = async (url: string, key: string): Promise<number> =>
  (await fetch(url, { headers: { authorization: `Bearer ${key}` } })).status

/** Changes a contact over one, and reads it over the other. @returns milliseconds from answer to answer */
const readYourWrite = async (writer: Client, reader: Client, name: string): Promise<number> => {
  const change = { firstName: name, emails: [] }
  const { position } = await writer.send('PUT', '/v1/directory/contacts/c-1', change)
  const begun = performance.now()
  const { data } = await reader.get<{ data: { firstName: string }[] }>(
    `/v1/directory/contacts?min_position=${encodeURIComponent(position ?? '')}`,
  )
  if (data[0]?.firstName !== name) throw new Error(`${name} is not what was read`)
  return performance.now() - begun
}

/** The same, with a list that the change has nothing to do with. */
const readBehindWrite = async (writer: Client, reader: Client, name: string): Promise<number> => {
  const change = { firstName: name, emails: [] }
  const { position } = await writer.send('PUT', '/v1/directory/contacts/c-1', change)
  const begun = performance.now()
  await reader.get(`/v1/templates?min_position=${encodeURIComponent(position ?? '')}`)
  return performance.now() - begun
}

t.test('processes that start at once on an empty database', async (t) => {
  const { start, query } = await site(t)
  const services = await Promise.all((['api', 'worker', 'api', 'worker'] as const).map((role) => start(role)))
  const [one, worker, other] = services as [Service, Service, Service, Service]
  const key = keyOf(services)

  t.equal(services.filter((service) => service.key !== null).length, 1, 'all come up, and one shows a key')
  for (const { url } of services) {
    t.equal(await statusOf(`${url}/health`, ''), 200)
    t.equal(await statusOf(`${url}/v1/projections`, key), 200)
  }
  t.equal(await statusOf(`${worker.url}/v1/email-accounts`, key), 404, 'a worker answers operators alone')

  await t.test('a change that one answered is read from another at once', async (t) => {
    const [writer, reader] = [apiClient(one.url, key), apiClient(other.url, key)]
    for (const [what, read] of [
      ['what it changed', readYourWrite],
      ['another list', readBehindWrite],
    ] as const) {
      const times: number[] = []
      for (let n = 0; n < 40; n++) times.push(await read(writer, reader, `Ann ${n}`))
      const sorted = times.toSorted((a, b) => a - b).map((ms) => Math.round(ms))
      t.comment(`min_position across processes, ${what}: median ${sorted[20]} ms, most ${sorted[39]} ms`)
      t.ok(sorted[20]! < 200, `${what}: ${sorted[20]} ms`)
    }
  })

  await t.test("what a killed worker held is another's within 15 s", async (t) => {
    const holderOf = async () =>
      (
        await query<{ owner: string }>(
          `select owner from mailtrail.leases where name like 'projection:directory.%'`,
        )
      )[0]?.owner ?? ''
    const held = await holderOf()
    const victim = services.find(({ process }) => held.includes(` ${process.pid} `))!
    const killedAt = performance.now()
    victim.process.kill('SIGKILL')
    await until('a takeover', holderOf, (owner) => owner !== held, 20_000)
    const ms = Math.round(performance.now() - killedAt)
    t.comment(`taken over after ${ms} ms`)
    t.ok(ms < 15_000, `${ms} ms`)
    await readYourWrite(apiClient(one.url, key), apiClient(other.url, key), 'Bob')
  })

  await t.test('one with another keyring does not start, and says why in a line', async (t) => {
    const error: unknown = await start('worker', { MAILTRAIL_DATA: `${t.testdir()}/elsewhere` }).catch(
      (thrown: unknown) => thrown,
    )
    t.match(
      error,
      /ended \(1\) instead of starting:\nThis database is used with key-\w+, and there is no keyring: [^\n]+$/,
    )
  })
})

/** Passes everything on to a server on loopback; while it is shut it accepts, and never answers. */
const gateTo = async (t: Test, port: number) => {
  let isOpen = true
  const open = new Set<net.Socket>()
  const gate = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from)
      from.on('data', (bytes) => isOpen && to.write(bytes))
      from.on('error', () => {})
      from.on('close', () => to.destroy())
    }
  })
  gate.listen(0, '127.0.0.1')
  await once(gate, 'listening')
  t.teardown(() => {
    gate.close()
    for (const socket of open) socket.destroy()
  })
  return { port: (gate.address() as net.AddressInfo).port, setOpen: (now: boolean) => (isOpen = now) }
}

t.test('mail servers that accept and never answer', async (t) => {
  const addresses = Array.from({ length: 8 }, (_, n) => `user${n}@acme.test`)
  const users = Object.fromEntries(
    addresses.map((address) => [
      address,
      { password: 'secret', folders: [{ path: 'INBOX' }, { path: 'Sent', use: '\\Sent' }] },
    ]),
  )
  const imap = await imapServer({ encryption: 'none', users })
  const sink = await smtpSink({ encryption: 'none' })
  t.teardown(() => Promise.all([imap.close(), sink.close()]))
  const gate = await gateTo(t, imap.port)
  const env = {
    MAILTRAIL_ALLOWED_NETWORKS: '127.0.0.0/8,::1/128',
    MAILTRAIL_ALLOWED_PORTS: `${gate.port},${sink.port}`,
    MAILTRAIL_CLEAR_TEXT_HOSTS: 'localhost',
  }
  const { start, query } = await site(t)
  const services = await Promise.all((['api', 'worker', 'worker'] as const).map((role) => start(role, env)))
  const client = apiClient(services[0]!.url, keyOf(services))
  const accounts: string[] = []
  for (const address of addresses) {
    const server = { host: 'localhost', username: address, password: 'secret', encryption: 'none' }
    const { body } = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
      address,
      owner: { kind: 'team' },
      smtp: { ...server, port: sink.port },
      imap: { ...server, port: gate.port },
    })
    accounts.push(body.id)
  }
  type Run = { number: number; status: string }
  const lastRun = async (id: string) =>
    (await client.get<{ data: Run[] }>(`/v1/email-accounts/${id}/sync-runs?limit=1`)).data[0]
  const allSynced = async (from: number) => {
    const runs = await Promise.all(accounts.map(lastRun))
    return runs.every((run) => run !== undefined && run.number >= from && run.status === 'Success')
  }
  await until('the first passes', () => allSynced(1), Boolean)

  await t.test('keep each worker busy with accounts of its own', async (t) => {
    gate.setOpen(false)
    for (const id of accounts) await client.send('POST', `/v1/email-accounts/${id}/sync-runs`)
    const owners = () =>
      query<{ owner: string; count: number }>(
        `select owner, count(*)::int as count from mailtrail.leases
         where name like 'sync-%' and expires_at > clock_timestamp() group by owner`,
      )
    const shares = await until(
      'a pass of every account',
      owners,
      (rows) => rows.reduce((sum, { count }) => sum + count, 0) === accounts.length,
    )
    t.same(
      shares.map(({ count }) => count),
      [4, 4],
      'each as many as it has lanes',
    )
  })

  await t.test('keep no process from ending in order within 20 s', async (t) => {
    sink.faults.verdict = () => 'hang'
    for (const accountId of accounts.slice(0, 2))
      await client.send('POST', '/v1/outbox', {
        message: { accountId, to: [{ address: 'ann@client.test' }], subject: 'Hello', html: '<p>Hello</p>' },
      })
    await sink.arrived(2)
    const begun = performance.now()
    const ends = await Promise.all(
      services.map(async ({ process, ended }) => {
        process.kill('SIGTERM')
        return ended
      }),
    )
    const ms = Math.round(performance.now() - begun)
    t.comment(`ended after ${ms} ms`)
    t.same(ends, [0, 0, 0])
    t.ok(ms < 20_000, `${ms} ms`)
    t.same(await query(`select name from mailtrail.leases where expires_at > clock_timestamp()`), [])
    const outgoing = await query<{ types: string }>(
      `select string_agg(e.type, ' ' order by e.revision) as types from es.events e join es.streams s using (stream_id)
       where s.name like 'outgoing-%' group by s.name`,
    )
    t.same(
      outgoing.map(({ types }) => types),
      Array(2).fill('MessageQueued SendReleasing SendOutcomeUnknown'),
      'what became of a message that nobody answered for is told as unknown, and not left in the air',
    )
  })

  await t.test('and what they broke off is done by who comes next', async (t) => {
    gate.setOpen(true)
    sink.faults.verdict = () => 'accept'
    const { port } = new URL(services[0]!.url)
    await Promise.all([start('api', { ...env, MAILTRAIL_PORT: port }), start('worker', env)])
    await until('passes of all accounts', () => allSynced(2), Boolean)
    t.equal(sink.messages.length, 2, 'nothing is sent a second time')
  })
})
