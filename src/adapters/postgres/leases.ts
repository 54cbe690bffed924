import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'pg'
import type { Lease, Leases } from '../../commands/ports/leases.ts'
import { within } from '../../std/within.ts'

export type LeaseOptions = {
  /** Who holds the leases, for people to read; not necessarily unique. */
  readonly owner: string
  readonly termMs?: number
}

type Held = { readonly generation: number; readonly lost: AbortController; alarm: NodeJS.Timeout | undefined }

// No term is that long: the clock was set back since, and the holder may have died before that.
const ACQUIRE = `
  insert into mailtrail.leases as l (name, owner, generation, expires_at)
  values ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
  on conflict (name) do update
    set owner = excluded.owner, generation = l.generation + 1, expires_at = excluded.expires_at
    where l.expires_at <= clock_timestamp() or l.expires_at > clock_timestamp() + interval '10 minutes'
  returning generation::text`

// A lease that was released in the meantime stays released.
const RENEW = `
  update mailtrail.leases as l set expires_at = clock_timestamp() + $3 * interval '1 millisecond'
  from unnest($1::text[], $2::bigint[]) as k(name, generation)
  where l.name = k.name and l.generation = k.generation and l.expires_at > '-infinity'
  returning l.name`

// The row stays, to keep its generation.
const RELEASE = `update mailtrail.leases set expires_at = '-infinity' where name = $1 and generation = $2`

/**
 * When a process is killed or stopped, another one takes over after this long, plus the one second between its
 * attempts.
 */
const TERM_MS = 9_000

/**
 * Leases by the database's clock; of the local clock only differences count. A term is counted from the moment the
 * lease was requested, before the database starts counting, so `signal` aborts before anybody else can hold the lease:
 * at once if a renewal is refused, or at 0.9 of the term if renewals fail, hang or come late. All leases of the process
 * are renewed together, every third of the term. A process that was suspended learns of a loss only when it wakes, so
 * writes under a lease are also guarded by its generation.
 */
export const postgresLeases = (pool: Pool, { owner, termMs = TERM_MS }: LeaseOptions): Leases => {
  const held = new Map<string, Held>()
  let renewing = false

  const lose = (name: string, lease: Held) => {
    clearTimeout(lease.alarm)
    if (held.get(name) === lease) held.delete(name)
    lease.lost.abort(new Error(`Lost the lease ${name}`))
  }
  const keep = (name: string, lease: Held, askedAt: number) => {
    clearTimeout(lease.alarm)
    lease.alarm = setTimeout(lose, Math.max(askedAt + 0.9 * termMs - performance.now(), 0), name, lease)
  }

  /** @returns whether the database answered */
  const renew = async (): Promise<boolean> => {
    const asked = [...held]
    const askedAt = performance.now()
    const names = asked.map(([name]) => name)
    const generations = asked.map(([, { generation }]) => generation)
    const answer = await pool.query<{ name: string }>(RENEW, [names, generations, termMs]).catch(() => null)
    const renewed = new Set(answer?.rows.map(({ name }) => name))
    for (const [name, lease] of asked)
      if (answer && held.get(name) === lease)
        if (renewed.has(name)) keep(name, lease, askedAt)
        else lose(name, lease)
    return answer !== null
  }
  const keepRenewing = async () => {
    if (renewing) return
    renewing = true
    let answered = true
    while (held.size > 0) {
      await sleep(termMs / (answered ? 3 : 12), undefined, { ref: false })
      // A renewal that hangs is not waited for; if it succeeds after all, it still counts.
      if (held.size > 0) answered = await within(renew(), termMs / 6, () => false)
    }
    renewing = false
  }

  const release = async (name: string, lease: Held) => {
    clearTimeout(lease.alarm)
    if (held.get(name) === lease) held.delete(name)
    // If this fails, the lease expires by itself.
    await pool.query(RELEASE, [name, lease.generation]).catch(() => {})
  }

  return {
    acquire: async (name, signal): Promise<Lease | null> => {
      if (signal.aborted) return null
      const askedAt = performance.now()
      const { rows } = await pool.query<{ generation: string }>(ACQUIRE, [name, owner, termMs])
      if (rows.length === 0) return null
      const lease: Held = {
        generation: Number(rows[0]!.generation),
        lost: new AbortController(),
        alarm: undefined,
      }
      const forgotten = held.get(name)
      if (forgotten) lose(name, forgotten)
      if (signal.aborted || performance.now() - askedAt > termMs / 2) {
        await release(name, lease)
        return null
      }
      held.set(name, lease)
      keep(name, lease, askedAt)
      void keepRenewing()
      return {
        name,
        generation: lease.generation,
        signal: lease.lost.signal,
        release: () => release(name, lease),
      }
    },
  }
}
