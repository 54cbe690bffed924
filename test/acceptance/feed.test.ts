import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { apiClient, until, type Client } from '../../scripts/lib/client.ts'
import { eventStoreDbDouble } from '../../scripts/lib/event-store-db/double.ts'
import { freePort } from '../../scripts/lib/free-port.ts'
import { readFeed } from '../support/feed-reader.ts'
import { runs } from '../support/long-runs.ts'
import { upToNow } from '../support/mailbox-comparison.ts'
import { keyOf, site } from '../support/service-processes.ts'

// Readers of the feed that lose their line, while the process that they read from is killed.

const READERS = runs(30, 1000)
const CHANGES = runs(60, 600)
const KILLS = runs(1, 5)
/** How many messages a reader takes before it lets go of its line: at least so many, and up to six times that. */
const PATIENCE = runs(3, 30)
const people = ['u1', 'u2', null] as const

/** A reader that comes back whenever its line ends, and lets go of it itself after every few messages. */
const faithfulReader = (
  url: string,
  key: string,
  {
    user,
    after,
    patience,
  }: { readonly user: string | null; readonly after: string; readonly patience: number },
) => {
  const before: string[] = []
  let current: Awaited<ReturnType<typeof readFeed>> | null = null
  let at = after
  const stop = new AbortController()
  let letGo = (): void => {}
  const positionsNow = () => current?.items.map(({ position }) => position) ?? []
  const readOnce = async () => {
    const headers = { 'last-event-id': at, ...(user === null ? {} : { 'mailtrail-user': user }) }
    const enough = Promise.withResolvers<void>()
    letGo = enough.resolve
    let left = patience
    const onItem = () => --left === 0 && letGo()
    current = await readFeed(url, key, { headers, onItem })
    await Promise.race([current.ended, enough.promise])
    await current.close()
    before.push(...positionsNow())
    at = current.lastId() ?? at
    current = null
  }
  const run = async () => {
    while (!stop.signal.aborted)
      try {
        await readOnce()
      } catch {
        // The service is down.
        await sleep(100)
      }
  }
  const ended = run()
  return {
    /** The positions of what it was told so far. */
    heard: () => [...before, ...positionsNow()],
    close: async () => {
      stop.abort()
      letGo()
      await ended
    },
  }
}

const faithfully = async (t: Test, env: Record<string, string>) => {
  const { start } = await site(t)
  const port = String(await freePort())
  const startApi = () => start('api', { ...env, MAILTRAIL_PORT: port })
  const first = await startApi()
  const worker = await start('worker', env)
  const key = keyOf([first, worker])
  let api = first
  const client = apiClient(first.url, key)
  await client.send('PUT', '/v1/directory/users/first', { name: 'First' })
  const begin = await headOf(client)
  const readers = Array.from({ length: READERS }, (_, n) =>
    faithfulReader(first.url, key, {
      user: people[n % people.length]!,
      after: begin,
      patience: PATIENCE + (n % (5 * PATIENCE)),
    }),
  )
  /** Repeats a change until it is answered; it is made once all the same. */
  const change = async (method: 'PUT' | 'POST', path: string, body: object, user: string | null) => {
    const headers = { 'idempotency-key': randomUUID() }
    const as = apiClient(first.url, key, user ?? undefined)
    await until(
      path,
      () => as.send(method, path, body, headers).catch(() => null),
      (done) => done !== null,
    )
  }
  const template = (name: string) => {
    return { scope: 'personal', name, subject: name, body: { format: 'html', source: '<p>Hi</p>' } }
  }
  for (let n = 0; n < CHANGES; n++) {
    if (n % Math.ceil(CHANGES / (KILLS + 1)) === 5) {
      api.process.kill('SIGKILL')
      await api.ended
      api = await startApi()
    }
    const user = people[n % people.length]!
    if (user === null) await change('PUT', `/v1/directory/users/x${n}`, { name: `User ${n}` }, null)
    else await change('POST', '/v1/templates', template(`Template ${n}`), user)
  }
  const expected = new Map<string | null, string[]>()
  for (const user of people)
    expected.set(user, await positionsOf(apiClient(first.url, key, user ?? undefined), begin))
  t.ok(expected.get('u1')!.length < expected.get(null)!.length, 'nobody but programs sees all')
  const wrong: string[][] = []
  for (const [n, { heard }] of readers.entries()) {
    const wanted = expected.get(people[n % people.length]!)!
    const positions = await until(
      `Reader ${n}`,
      async () => heard(),
      ({ length }) => length >= wanted.length,
      300_000,
    )
    if (positions.join() !== wanted.join()) wrong.push(positions)
  }
  await Promise.all(readers.map((reader) => reader.close()))
  t.same(wrong, [], `${READERS} readers heard what they may hear, once and in order`)
}

const headOf = async (client: Client): Promise<string> =>
  decodeURIComponent((await upToNow(client)).replace('min_position=', ''))

/** Of the events behind `begin` that the log shows to whoever asks. */
const positionsOf = async (client: Client, begin: string): Promise<string[]> => {
  type Page = { data: { position: string }[]; nextCursor: string | null }
  const positions: string[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const from = cursor === '' ? '' : `&cursor=${cursor}`
    const page: Page = await client.get<Page>(`/v1/audit/events?sort=position&limit=200${from}`)
    positions.push(...page.data.map(({ position }) => position))
    cursor = page.nextCursor
  }
  return positions.filter((position) => position > begin)
}

t.test('the log in PostgreSQL', (t) => faithfully(t, {}))
t.test('the log in EventStoreDB', async (t) => {
  const double = await eventStoreDbDouble()
  t.teardown(() => double.stop())
  await faithfully(t, { EVENT_STORE_URL: process.env['EVENTSTOREDB_URL'] ?? double.url })
})
