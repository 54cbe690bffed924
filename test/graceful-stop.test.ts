import { once } from 'node:events'
import net from 'node:net'
import t, { type Test } from 'tap'
import { apiClient, until } from '../scripts/lib/client.ts'
import { imapServer, smtpSink } from '../scripts/lib/mail-servers/loopback.ts'
import { keyOf, site } from './support/service-processes.ts'
import { isLong } from './support/long-runs.ts'

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
  let known = ''
  for (const address of addresses) {
    const server = { host: 'localhost', username: address, password: 'secret', encryption: 'none' }
    const { body, position } = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
      address,
      owner: { kind: 'team' },
      connection: {
        provider: 'imap-smtp',
        smtp: { ...server, port: sink.port },
        imap: { ...server, port: gate.port },
      },
    })
    accounts.push(body.id)
    known = encodeURIComponent(position ?? '')
  }
  type Run = { number: number; status: string }
  const lastRun = async (id: string) =>
    (await client.get<{ data: Run[] }>(`/v1/email-accounts/${id}/sync-runs?limit=1&min_position=${known}`))
      .data[0]
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
    // At once: a run whose server never answers fails by itself after 15 s, and must still be at it when the stop comes.
    for (const accountId of accounts.slice(0, 2))
      await client.send('POST', '/v1/outbox', {
        undoSeconds: 0,
        email: { accountId, to: [{ address: 'ann@client.test' }], subject: 'Hello', html: '<p>Hello</p>' },
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
    if (isLong) t.ok(ms < 20_000, `${ms} ms`)
    t.same(await query(`select name from mailtrail.leases where expires_at > clock_timestamp()`), [])
    const outgoing = await query<{ types: string }>(
      `select string_agg(e.type, ' ' order by e.revision) as types from es.events e join es.streams s using (stream_id)
       where s.name like 'outgoing-%' group by s.name`,
    )
    t.same(
      outgoing.map(({ types }) => types),
      Array(2).fill('EmailQueued EmailReleased EmailOutcomeLost'),
      'what became of an email that nobody answered for is told as unknown, and not left in the air',
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
