import { randomUUID } from 'node:crypto'
import type { Pool } from 'pg'
import { z } from 'zod'
import { memoryEventStore } from './memory-event-store.ts'
import { postgresLeases } from '../../src/adapters/postgres/leases.ts'
import { readModelsEqualRebuild } from '../../scripts/lib/equals-rebuild.ts'
import { projectionRunner, type RunnerDeps } from '../../src/adapters/postgres/projections/run/runner.ts'
import type { EventStore } from '../../src/commands/ports/event-log.ts'
import { defineEvent, type RecordedEvent } from '../../src/domain/event.ts'
import {
  integer,
  projection,
  schemaOf,
  table,
  text,
  type AnyProjection,
} from '../../src/projections/projection.ts'
import { recordedEvents } from './fold-events.ts'

const Booked = defineEvent('TestBooked', z.object({ amount: z.int(), words: z.string() }))

/** How an event cannot be taken in: its fold throws, its row fits no index, or a value fits no column. */
export type Poison = 'throws' | 'too-long' | 'unfit'

// More bytes than an index takes, of digits so that compression does not help.
const long = Array.from({ length: 400 }, () => randomUUID()).join('')

/**
 * A read model that is right only if each stream's events are folded in order, each once: an account refuses any other
 * than the next. Streams meet in `total`, where their order does not count.
 */
const ledger = (name: string, poison: ReadonlyMap<string, Poison>): AnyProjection =>
  projection({
    name,
    version: 1,
    tables: {
      account: table({ columns: { stream: text, next: integer, trail: text }, key: ['stream'] }),
      total: table({ columns: { id: text, events: integer, amount: integer }, key: ['id'] }),
      note: table({ columns: { id: text }, key: ['id'] }),
    },
    events: [Booked],
    fold: ({ id, stream, revision, data }, rows) => {
      const account = rows.get('account', { stream }) ?? { stream, next: 0, trail: '' }
      const total = rows.get('total', { id: 'all' }) ?? { id: 'all', events: 0, amount: 0 }
      if (account.next !== revision)
        throw new Error(`Revision ${revision} of ${stream} after ${account.next - 1}`)
      const trail = `${account.trail} ${data.amount}`
      rows.put('account', { stream, next: revision + 1, trail })
      rows.put('total', { ...total, events: total.events + 1, amount: total.amount + data.amount })
      switch (poison.get(id)) {
        case 'throws':
          throw new TypeError(`Cannot book ${data.words}`)
        case 'too-long':
          return rows.put('note', { id: long })
        case 'unfit':
          return rows.put('total', { ...total, events: 2 ** 31 })
        case undefined:
      }
    },
  })

const silent = { info: () => {}, error: () => {} }

export const until = async (condition: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  const deadline = performance.now() + 120_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A ledger of its own name on a log in memory, and what a test does with it. */
export const ledgerRig = (t: { teardown(fn: () => unknown): void }, pool: Pool, name: string) => {
  const poison = new Map<string, Poison>()
  const of = ledger(name, poison)
  const store: EventStore = memoryEventStore()
  const revisions = new Map<string, number>()
  const [{ metadata }] = recordedEvents([Booked({ amount: 0, words: '' })]) as [RecordedEvent]

  const rig = {
    of,
    store,
    poison,
    /** Appends an event to the stream `book-<stream>`, and says how it cannot be taken in. @returns its id */
    book: async (stream: string, amount: number, as?: Poison, words = ''): Promise<string> => {
      const id = randomUUID()
      if (as) poison.set(id, as)
      const revision = revisions.get(stream)
      const expected = revision ?? 'no_stream'
      revisions.set(stream, (revision ?? -1) + 1)
      await store.append({
        stream: `book-${stream}`,
        expected,
        events: [{ ...Booked({ amount, words }), id, metadata }],
      })
      return id
    },
    run: (parts: Partial<RunnerDeps> = {}) => {
      const leases = parts.leases ?? postgresLeases(pool, { owner: 'test' })
      const retryMs = { first: 5, most: 50 }
      const runner = projectionRunner({
        store,
        pool,
        log: silent,
        retryMs,
        projections: [of],
        ...parts,
        leases,
      })
      const stop = new AbortController()
      const stopped = runner.start(stop.signal)
      const end = async () => {
        stop.abort()
        await stopped
      }
      t.teardown(end)
      const caughtUp = async () => {
        if (!(await runner.waitFor(name, (await store.head())!, 60_000)))
          throw new Error('Not caught up in time')
      }
      const status = async () => (await runner.status())[0]!
      const retry = (stream: string) => runner.retry(name, `book-${stream}`)
      return { ...runner, end, caughtUp, status, retry }
    },
    /** Streams and what was booked in them, in order. */
    trails: async (): Promise<Record<string, string>> => {
      const { rows } = await pool.query<{ stream: string; trail: string }>(
        `select stream, trail from ${schemaOf(of)}.account order by stream`,
      )
      return Object.fromEntries(rows.map(({ stream, trail }) => [stream.slice(5), trail.trim()]))
    },
    /** What is parked, in the order in which it waits: stream, revision, attempts, and whether it has an error. */
    parked: async (): Promise<[string, number, number, boolean][]> => {
      const { rows } = await pool.query<{
        stream: string
        revision: number
        attempts: number
        error: string | null
      }>('select * from mailtrail.parked_events where projection = $1 order by stream, position', [name])
      return rows.map((row) => [row.stream.slice(5), row.revision, row.attempts, row.error !== null])
    },
    equalsRebuild: async (): Promise<boolean> =>
      (await readModelsEqualRebuild({ store, pool, projections: [of] })).every(({ equal }) => equal),
  }
  return rig
}
