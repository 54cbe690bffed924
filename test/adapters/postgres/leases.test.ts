import { once } from 'node:events'
import type { Pool } from 'pg'
import t from 'tap'
import { postgresLeases } from '../../../src/adapters/postgres/leases.ts'
import { migrate } from '../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../src/adapters/postgres/pool.ts'
import type { Lease, Leases } from '../../../src/commands/ports/leases.ts'
import { testDatabase } from '../../support/test-database.ts'

const always = new AbortController().signal

/** Retries until the lease is acquired. */
const insist = async (leases: Leases, name: string): Promise<Lease> => {
  const deadline = performance.now() + 120_000
  for (;;) {
    const lease = await leases.acquire(name, always)
    if (lease) return lease
    if (performance.now() > deadline) throw new Error(`The lease ${name} was not acquired in time`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const aborted = async (signal: AbortSignal): Promise<void> => {
  if (!signal.aborted) await once(signal, 'abort', { signal: AbortSignal.timeout(120_000) })
}

t.test('leases', async (t) => {
  const pool = createPool({ ...(await testDatabase(t)), max: 10 })
  t.teardown(() => pool.end())
  await migrate(pool)
  const [a, b] = [postgresLeases(pool, { owner: 'a' }), postgresLeases(pool, { owner: 'b' })]
  const termMs = 400

  t.test('of many who ask at once exactly one gets the lease, and a release frees it at once', async (t) => {
    const generations: number[] = []
    for (let round = 0; round < 5; round++) {
      const asked = Array.from({ length: 12 }, (_, nth) => (nth % 2 ? a : b).acquire('one', always))
      const given = (await Promise.all(asked)).filter((lease) => lease !== null)
      t.equal(given.length, 1)
      generations.push(given[0]!.generation)
      await given[0]!.release()
      t.notOk(given[0]!.signal.aborted, 'what is given back is not lost')
    }
    t.same(generations, [1, 2, 3, 4, 5], 'the generation grows with each change of hands')
  })

  t.test('it is renewed for as long as it is held', async (t) => {
    const term = 1_500
    const some = postgresLeases(pool, { owner: 'a', termMs: term })
    const held = await Promise.all(['x', 'y', 'z'].map((name) => insist(some, name)))
    const until = performance.now() + 1.5 * term
    while (performance.now() < until) if (await b.acquire('y', always)) t.fail('two hold it')
    t.notOk(held.some(({ signal }) => signal.aborted))
    await Promise.all(held.map((lease) => lease.release()))
  })

  t.test('a lease whose process has vanished is free after its term', async (t) => {
    await pool.query(
      `insert into mailtrail.leases values ('gone', 'dead', 7, now() + interval '200 milliseconds')`,
    )
    t.equal(await a.acquire('gone', always), null)
    const lease = await insist(a, 'gone')
    t.equal(lease.generation, 8)
    await lease.release()
  })

  t.test('a process that vanished before the clock was set back holds nothing up', async (t) => {
    await pool.query(`insert into mailtrail.leases values ('ahead', 'dead', 7, now() + interval '1 hour')`)
    const lease = await a.acquire('ahead', always)
    t.equal(lease?.generation, 8)
    t.equal(await b.acquire('ahead', always), null)
    await lease?.release()
  })

  for (const [fault, query] of [
    ['fail', () => Promise.reject(new Error('no database'))],
    ['hang', () => new Promise(() => {})],
  ] as const)
    t.test(`if renewals ${fault}, its signal aborts before another holder gets it`, async (t) => {
      let broken = false
      const faulty = new Proxy(pool, {
        get: (target, property) =>
          property === 'query' && broken ? query : Reflect.get(target, property, target),
      })
      for (let round = 0; round < 3; round++) {
        broken = false
        const first = await insist(postgresLeases(faulty, { owner: 'a', termMs }), fault)
        broken = true
        const second = await insist(b, fault)
        t.ok(first.signal.aborted, 'the first had stopped by then')
        t.equal(second.generation, first.generation + 1)
        await second.release()
      }
    })

  t.test('a lease that was taken away is known to be lost at the next renewal', async (t) => {
    const lease = await insist(postgresLeases(pool, { owner: 'a', termMs }), 'forced')
    await pool.query(`update mailtrail.leases set generation = generation + 1 where name = 'forced'`)
    await aborted(lease.signal)
    await lease.release()
    const { rows } = await pool.query<{ held: boolean }>(
      `select expires_at > now() as held from mailtrail.leases where name = 'forced'`,
    )
    t.ok(rows[0]!.held, "its release does not free another holder's lease")
  })

  t.test('a renewal in progress does not bring a released lease back', async (t) => {
    const renewal = Promise.withResolvers<() => Promise<void>>()
    const slow: Pool = new Proxy(pool, {
      get: (target, property) => {
        if (property !== 'query') return Reflect.get(target, property, target)
        return (text: string, values: unknown[]) => {
          if (!text.includes('unnest')) return target.query(text, values)
          return new Promise((resolve) => {
            renewal.resolve(async () => resolve(await target.query(text, values)))
          })
        }
      },
    })
    const lease = await insist(postgresLeases(slow, { owner: 'a', termMs: 3_000 }), 'late')
    const goOn = await renewal.promise
    await lease.release()
    await goOn()
    const next = await b.acquire('late', always)
    t.ok(next)
    await next?.release()
  })

  t.test('a request aborted meanwhile does not get the lease', async (t) => {
    t.equal(await a.acquire('unwanted', AbortSignal.abort()), null)
    const stop = new AbortController()
    const asked = a.acquire('unwanted', stop.signal)
    stop.abort()
    t.equal(await asked, null)
    const lease = await b.acquire('unwanted', always)
    t.ok(lease, 'and it is free')
    await lease?.release()
  })
})
