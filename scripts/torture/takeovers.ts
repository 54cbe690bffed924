import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** A lease that a process held when it was hit. */
type Open = {
  readonly name: string
  readonly generation: number
  readonly pid: number
  readonly at: number
  waitedMs: number
}
type Row = { name: string; generation: number; pid: number; live: boolean }

const LOOK_EVERY_MS = 100
const WITHIN_MS = 15_000

// These are always wanted; an account's lease only while there is work for it.
const LEASES = `
  select name, generation::int, split_part(owner, ' ', 2)::int as pid, expires_at > clock_timestamp() as live
  from mailtrail.leases where name like 'projection:%' or name like 'automation:%'`

export type Takeovers = {
  /** Reports a process that is killed or suspended now, or resumed. */
  readonly struck: (pid: number) => void
  readonly resumed: (pid: number) => void
  /** Waits for open leases, and ends the watch. */
  end(): Promise<TakenOver>
}

/**
 * Milliseconds from each hit until another process had the lease: those during which some worker was up, and all; and
 * what took too long.
 */
export type TakenOver = {
  readonly times: readonly number[]
  readonly wallTimes: readonly number[]
  readonly broken: readonly string[]
}

/**
 * Watches the leases throughout. Only time in which some worker could have taken them counts: `isAnyUp` tells whether
 * one is up, and the database must answer.
 */
export const watchTakeovers = (database: pg.ClientConfig, isAnyUp: () => boolean): Takeovers => {
  const stop = new AbortController()
  const open = new Set<Open>()
  const resumed = new Set<number>()
  const times: number[] = []
  const wallTimes: number[] = []
  const broken: string[] = []
  let known: Row[] = []

  const judge = (rows: readonly Row[], passedMs: number): void => {
    const byName = new Map(rows.map((row) => [row.name, row]))
    const counts = isAnyUp()
    for (const lease of open) {
      const now = byName.get(lease.name)
      if (counts) lease.waitedMs += passedMs
      const isTaken = now !== undefined && now.generation > lease.generation
      // A suspended process may resume before anybody else can take the lease.
      const isKept = now?.generation === lease.generation && now.live && resumed.has(lease.pid)
      const isLate = lease.waitedMs > WITHIN_MS
      if (isTaken) {
        times.push(lease.waitedMs)
        wallTimes.push(performance.now() - lease.at)
      }
      if (isLate)
        broken.push(`${lease.name} of process ${lease.pid} was nobody's ${WITHIN_MS / 1000} s after its end`)
      if (isTaken || isKept || isLate) open.delete(lease)
    }
  }
  const look = async (client: pg.Client): Promise<void> => {
    let last: number | null = null
    while (!stop.signal.aborted) {
      const { rows } = await client.query<Row>(LEASES)
      const now = performance.now()
      judge(rows, last === null ? 0 : now - last)
      known = rows
      last = now
      await sleep(LOOK_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {})
    }
  }
  const watch = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const client = new pg.Client({ ...database, connectionTimeoutMillis: 2000 })
      client.on('error', () => {})
      try {
        await client.connect()
        await look(client)
      } catch {
        // The database is down, or does not exist yet.
        await sleep(LOOK_EVERY_MS)
      } finally {
        await client.end().catch(() => {})
      }
    }
  }
  const watching = watch()

  return {
    struck: (pid) => {
      for (const { name, generation, live, pid: holder } of known)
        if (holder === pid && live) open.add({ name, generation, pid, at: performance.now(), waitedMs: 0 })
    },
    resumed: (pid) => void resumed.add(pid),
    end: async () => {
      // By then each has a new holder, or is late.
      for (const until = performance.now() + 2 * WITHIN_MS; open.size > 0 && performance.now() < until;)
        await sleep(LOOK_EVERY_MS)
      stop.abort()
      await watching
      return { times, wallTimes, broken }
    },
  }
}
