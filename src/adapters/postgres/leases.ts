import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'pg'
import type { Lease, Leases } from '../../commands/ports/leases.ts'
import { within } from '../../std/within.ts'

export type LeaseOptions = {
  /** Who holds the leases, for people to read; two processes may bear the same name. */
  readonly owner: string
  readonly termMs?: number
}

type Held = { readonly generation: number; readonly lost: AbortController; alarm: NodeJS.Timeout | undefined }

const ACQUIRE = `
  insert into mailtrail.leases as l (name, owner, generation, expires_at)
  values ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
  on conflict (name) do update
    set owner = excluded.owner, generation = l.generation + 1, expires_at = excluded.expires_at
    where l.expires_at <= clock_timestamp()
  returning generation::text`

// A lease that was released while this was under way stays released.
const RENEW = `
  update mailtrail.leases as l set expires_at = clock_timestamp() + $3 * interval '1 millisecond'
  from unnest($1::text[], $2::bigint[]) as k(name, generation)
  where l.name = k.name and l.generation = k.generation and l.expires_at > '-infinity'
  returning l.name`

// The row stays, for its generation.
const RELEASE = `update mailtrail.leases set expires_at = '-infinity' where name = $1 and generation = $2`

/** What a process held that was killed or stopped is another's after this long, and the second in which that one looks. */
const TERM_MS = 9_000

/**
 * Leases by the database's clock; of this machine's clock only differences count. A lease's time is counted from
 * the moment at which it was asked for, before the database's own counting began, so that `signal` aborts while nobody
 * else can have it: where a renewal is refused at once, where renewals fail, hang or come late at 0.9 of the term.
 * All leases of the process are renewed together, each third of the term. A process that was stopped for a while
 * learns of a loss only when it wakes: writes under a lease are guarded by its generation besides.
 */
export const postgresLeases = (pool: Pool, { owner, termMs = TERM_MS }: LeaseOptions): Leases => {
  const held = new Map<string, Held>()
  let renewing = false

  const lose = (name: string, lease: Held) => {
    clearTimeout(lease.alarm)
    if (held.get(name) === lease) held.delete(name)
    lease.lost.abort(new Error(`The lease ${name} is lost`))
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
      // One that hangs is left to itself: its answer would still be good, but nothing waits for it.
      if (held.size > 0) answered = await within(renew(), termMs / 6, () => false)
    }
    renewing = false
  }

  const release = async (name: string, lease: Held) => {
    clearTimeout(lease.alarm)
    if (held.get(name) === lease) held.delete(name)
    // What cannot be given back now runs out by itself.
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
