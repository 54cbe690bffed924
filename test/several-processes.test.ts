import t from 'tap'
import { apiClient, until, type Client } from '../scripts/lib/client.ts'
import type { Service } from '../scripts/lib/service.ts'
import { keyOf, site } from './support/service-processes.ts'
import { isLong, runs } from './support/long-runs.ts'

const statusOf = async (url: string, key: string): Promise<number> =>
  (await fetch(url, { headers: { authorization: `Bearer ${key}` } })).status

/** Changes a contact over one, and reads it over the other. @returns milliseconds from answer to answer */
const readYourWrite = async (writer: Client, reader: Client, name: string): Promise<number> => {
  const change = { firstName: name, emails: [] }
  const { position } = await writer.send('PUT', '/v1/directory/contacts/c-1', change)
  const begun = performance.now()
  const { data } = await reader.get<{ data: { id: string; firstName: string }[] }>(
    `/v1/directory/contacts?min_position=${encodeURIComponent(position ?? '')}`,
  )
  if (data.find(({ id }) => id === 'c-1')?.firstName !== name) throw new Error(`${name} is not what was read`)
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
      for (let n = 0; n < runs(9, 40); n++) times.push(await read(writer, reader, `Ann ${n}`))
      const sorted = times.toSorted((a, b) => a - b).map((ms) => Math.round(ms))
      const median = sorted[sorted.length >> 1]!
      t.comment(`min_position across processes, ${what}: median ${median} ms, most ${sorted.at(-1)} ms`)
      if (isLong) t.ok(median < 400, `${what}: ${median} ms`)
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
    await until('a takeover', holderOf, (owner) => owner !== held, 120_000)
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
