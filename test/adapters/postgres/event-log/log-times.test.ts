import t from 'tap'
import { memoryEventStore } from '../../../support/memory-event-store.ts'
import { logTimes } from '../../../../src/adapters/postgres/event-log/log-times.ts'
import { migrate } from '../../../../src/adapters/postgres/migrate.ts'
import { createPool } from '../../../../src/adapters/postgres/pool.ts'
import type { Position } from '../../../../src/domain/event.ts'
import { appendAll, aStream, readFrom, someEvents } from '../../../support/log-events.ts'
import { testDatabase } from '../../../support/test-database.ts'

const pool = createPool(await testDatabase(t))
t.teardown(() => pool.end())
await migrate(pool)

/** A store that records where a search started. */
const watched = () => {
  const store = memoryEventStore()
  const from: (Position | null)[] = []
  const positionAt: typeof store.positionAt = (instant, position = null) => {
    from.push(position)
    return store.positionAt(instant, position)
  }
  return { from, store: { ...store, positionAt } }
}

t.test('a position by time is searched from the last recorded end of this log before it', async (t) => {
  const { store, from } = watched()
  const times = logTimes(pool, store)
  await times.note()
  t.equal(await times.positionAt('2999-01-01T00:00:00Z'), null, 'an empty log has no end')
  const ends: { position: Position; recordedAt: string }[] = []
  for (let nth = 0; nth < 3; nth++) {
    await appendAll(store, aStream(), someEvents(2))
    await Promise.all([times.note(), times.note()])
    ends.push((await store.newest())!)
    // Until the clock shows another millisecond.
    while (new Date().toISOString() === ends.at(-1)!.recordedAt);
  }
  const all = await readFrom(store, null)
  for (const [nth, { recordedAt, position }] of ends.entries()) {
    t.equal(await times.positionAt(recordedAt), position)
    t.equal(from.at(-1), ends[nth - 1]?.position ?? null, 'from the end before')
    const later = new Date(Date.parse(recordedAt) + 1).toISOString()
    t.equal(await times.positionAt(later), all.findLast((event) => event.recordedAt <= later)?.position)
    t.equal(from.at(-1), position)
  }

  const other = watched()
  t.equal(await logTimes(pool, other.store).positionAt(ends.at(-1)!.recordedAt), null)
  t.equal(other.from.at(-1), null, 'another log has ends of its own')
})

t.test('ends beyond a log that was restored from a backup are no longer used, and are deleted', async (t) => {
  const { store, from } = watched()
  await appendAll(store, aStream(), someEvents(2))
  const restored = { ...store }
  const head = await store.head()
  const newest = await store.newest()
  await appendAll(store, aStream(), someEvents(3))
  await logTimes(pool, store).note()
  restored.head = () => Promise.resolve(head)
  // At the same instant as the last recorded end.
  const { recordedAt } = (await store.newest())!
  restored.newest = () => Promise.resolve({ ...newest!, recordedAt })
  const times = logTimes(pool, restored)
  await times.positionAt('2999-01-01T00:00:00Z')
  t.equal(from.at(-1), null)
  await times.note()
  const { rows } = await pool.query('select position from mailtrail.log_times where store_id = $1', [
    await store.storeId(),
  ])
  t.same(rows, [{ position: head }])
})
