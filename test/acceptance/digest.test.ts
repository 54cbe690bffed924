import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type pg from 'pg'
import t, { type Test } from 'tap'
import { apiClient, until } from '../../scripts/lib/client.ts'
import { freePort } from '../../scripts/lib/free-port.ts'
import { smtpSink } from '../../scripts/lib/mail-servers/loopback.ts'
import { createPool } from '../../src/adapters/postgres/pool.ts'
import { synced } from '../support/example-sync-events.ts'
import { logOf } from '../support/mail-in-log.ts'
import { testDatabase } from '../support/test-database.ts'

// The digest of a day, mailed over real SMTP by a service whose clock is set forward, and which is killed in between.

const password = 'secret'

/** A service that can be killed and started again, at any time of its clock. */
const serviceAt = async (t: Test, begin: string) => {
  const sink = await smtpSink({ encryption: 'none', users: { 'info@acme.test': password } })
  t.teardown(() => sink.close())
  const database = await testDatabase(t)
  const pool = createPool(database)
  t.teardown(() => pool.end())
  const folder = t.testdir()
  const [clock, port] = [path.join(folder, 'clock'), String(await freePort())]
  const setClock = (instant: string): void => {
    writeFileSync(`${clock}.new`, String(Date.parse(instant) - Date.now()))
    renameSync(`${clock}.new`, clock)
  }
  setClock(begin)
  let child: ChildProcess | null = null
  let key = ''
  const start = async (): Promise<void> => {
    child = spawn(process.execPath, [path.join(import.meta.dirname, '../support/service-at.ts')], {
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        SERVICE_DATABASE: JSON.stringify(database),
        SERVICE_CLOCK: clock,
        MAILTRAIL_DATA: folder,
        MAILTRAIL_PORT: port,
        MAILTRAIL_ALLOWED_NETWORKS: '127.0.0.0/8,::1/128',
        MAILTRAIL_ALLOWED_PORTS: String(sink.port),
        MAILTRAIL_CLEAR_TEXT_HOSTS: 'localhost',
        MAILTRAIL_LOG_LEVEL: 'error',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
    key = line.split(' ')[1] || key
  }
  const kill = async (): Promise<void> => {
    const ended = once(child!, 'exit')
    child!.kill('SIGKILL')
    await ended
  }
  t.teardown(() => void child?.kill('SIGKILL'))
  await start()
  const client = apiClient(`http://127.0.0.1:${port}`, key)
  const login = {
    host: 'localhost',
    port: sink.port,
    encryption: 'none',
    username: 'info@acme.test',
    password,
  }
  const { body: account } = await client.send<{ id: string }>('POST', '/v1/email-accounts', {
    address: 'info@acme.test',
    owner: { kind: 'team' },
    connection: { provider: 'imap-smtp', smtp: login, imap: null },
  })
  const unknown = { name: 'Acme', notificationsFrom: `acc_${'0'.repeat(26)}` }
  await t.rejects(client.send('PUT', '/v1/directory/organization', unknown), /There is no email account/)
  await client.send('PUT', '/v1/directory/organization', { name: 'Acme', notificationsFrom: account.id })
  return {
    client,
    account: account.id,
    log: logOf(t, { pool }),
    setClock,
    restart: async () => {
      await kill()
      await start()
    },
    /** Waits until the log has such an event. */
    logged: (type: string, text: string) =>
      until(
        type,
        async () =>
          (
            await pool.query<pg.QueryResultRow>(
              'select from es.events where type = $1 and data::text like $2',
              [type, `%${text}%`],
            )
          ).rows,
        ({ length }) => length > 0,
      ),
    reader: async (id: string, timeZone: string, hour: number) => {
      await client.send('PUT', `/v1/directory/users/${id}`, {
        name: id,
        email: `${id}@people.test`,
        timeZone,
      })
      const digest = { isOn: true, hour }
      await client.send('PUT', `/v1/users/${id}/notification-settings`, { digest })
    },
    /** The days of the digests that came to a user, in their order. */
    digestsOf: (id: string): string[] =>
      sink.messages
        .filter(({ envelope }) => envelope.recipients.includes(`${id}@people.test`))
        .map(({ raw }) => /^Subject: Your mail on (\S+)\r$/m.exec(raw.toString())?.[1] ?? ''),
    messages: sink.messages,
  }
}

type ServiceAt = Awaited<ReturnType<typeof serviceAt>>

const mailAt = async ({ log, account }: ServiceAt, ...instants: string[]) =>
  log.storeMail(
    instants.map((receivedAt, n) => synced(n + 1, { accountId: account, receivedAt, automatic: null })),
  )

const arrived = ({ digestsOf }: ServiceAt, id: string, date: string) =>
  until(
    `The digest of ${date} for ${id}`,
    async () => digestsOf(id),
    (dates) => dates.includes(date),
  )

t.test('an hour that is left out: the digest comes once, when the clocks have passed it', async (t) => {
  const service = await serviceAt(t, '2026-03-28T12:00:00.000Z')
  await service.reader('ada', 'Europe/Berlin', 2)
  await service.reader('zoe', 'UTC', 0)
  await mailAt(service, '2026-03-28T13:00:00.000Z', '2026-03-29T02:00:00.000Z')
  service.setClock('2026-03-29T00:30:00.000Z')
  await arrived(service, 'zoe', '2026-03-29')
  t.same(service.digestsOf('ada'), [], 'it is half past one')

  service.setClock('2026-03-29T01:00:05.000Z')
  await service.logged('DigestMade', 'ada')
  await service.restart()
  await arrived(service, 'ada', '2026-03-29')
  await service.restart()

  service.setClock('2026-03-30T00:00:05.000Z')
  await arrived(service, 'ada', '2026-03-30')
  await arrived(service, 'zoe', '2026-03-30')
  t.same(service.digestsOf('ada'), ['2026-03-29', '2026-03-30'])
  t.same(service.digestsOf('zoe'), ['2026-03-29', '2026-03-30'])
  const texts = service.messages
    .filter(({ envelope }) => envelope.recipients.includes('zoe@people.test'))
    .map(({ raw }) => raw.toString())
  t.match(texts, [/^Auto-Submitted: auto-generated\r$/m, /^Auto-Submitted: auto-generated\r$/m])
  t.match(texts, [/New emails: 1/, /New emails: 1/], 'each email counts in one of them')
})

t.test('an hour that comes twice: the digest comes once, at the first', async (t) => {
  const service = await serviceAt(t, '2026-10-24T12:00:00.000Z')
  await service.reader('ada', 'Europe/Berlin', 2)
  await service.reader('zoe', 'UTC', 1)
  await service.reader('tom', 'UTC', 2)
  await mailAt(service, '2026-10-24T13:00:00.000Z', '2026-10-25T13:00:00.000Z')
  service.setClock('2026-10-25T00:00:05.000Z')
  await arrived(service, 'ada', '2026-10-25')

  service.setClock('2026-10-25T01:00:05.000Z')
  await service.logged('EmailQueued', 'zoe@people.test')
  await service.restart()
  await arrived(service, 'zoe', '2026-10-25')
  service.setClock('2026-10-25T02:00:05.000Z')
  await arrived(service, 'tom', '2026-10-25')

  service.setClock('2026-10-26T01:00:05.000Z')
  await arrived(service, 'ada', '2026-10-26')
  await arrived(service, 'zoe', '2026-10-26')
  t.same(service.digestsOf('ada'), ['2026-10-25', '2026-10-26'])
  t.same(service.digestsOf('zoe'), ['2026-10-25', '2026-10-26'])
  const text = service.messages.at(-1)!.raw.toString().replaceAll('=\r\n', '')
  t.match(text, /has been waiting since 2026-10-24/)

  // From now on she may see nothing, so there is nothing to tell.
  const access = `/v1/email-accounts/${service.account}/access`
  await service.client.send('PUT', `${access}/users/zoe`, { level: 'full' })
  await service.client.send('DELETE', `${access}/everyone`)
  service.setClock('2026-10-28T01:00:05.000Z')
  await service.logged('DigestSkipped', 'ada')
  t.same(
    service.digestsOf('ada'),
    ['2026-10-25', '2026-10-26'],
    'nothing is said where there is nothing to tell',
  )
})
