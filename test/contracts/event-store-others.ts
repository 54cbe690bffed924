import type { Test } from 'tap'
import type { EventStore } from '../../src/commands/ports/event-log.ts'
import type { RecordedEvent } from '../../src/domain/event.ts'
import { appendAll, aStream, idsOf, pagesFrom, someEvents } from '../support/log-events.ts'
import type { OtherPrograms } from '../support/other-programs.ts'

/** Part of the contract of a store that other programs write to as well: their events are passed over. */
export const othersContract = (
  t: Test,
  store: EventStore,
  other: EventStore,
  openOthers: () => OtherPrograms,
): void => {
  const withOthers = async (t: Test) => {
    const others = openOthers()
    t.teardown(() => others.close())
    const write = async (count: number): Promise<void> => {
      for (let nth = 0; nth < count; nth++) await others.write()
    }
    return write
  }

  t.test('events of others are on no page, whatever its size, and end none too early', async (t) => {
    const write = await withOthers(t)
    const after = await store.head()
    const stream = aStream()
    const events = someEvents(4)
    await write(7)
    await appendAll(store, stream, events.slice(0, 1))
    await write(12)
    await store.append({ stream, expected: 0, events: events.slice(1, 3) })
    await write(1)
    await store.append({ stream, expected: 2, events: events.slice(3) })
    await write(5)
    for (const filter of [
      undefined,
      { types: ['Noted'] },
      { streamPrefix: 'test-' },
      { streamPrefix: stream },
    ])
      for (const limit of [1, 2, 5, 100]) {
        const pages = await pagesFrom(other, after, limit, filter)
        t.same(
          idsOf(pages.flatMap((page) => page.events)),
          idsOf(events),
          `${limit}, ${JSON.stringify(filter)}`,
        )
        t.equal(pages.at(-1)?.position, await store.head(), 'the position is at the head all the same')
      }
    for (const filter of [{ types: ['$>', '$metadata'] }, { streamPrefix: 'order-' }, { streamPrefix: '$' }])
      t.same(
        (await pagesFrom(other, after, 3, filter)).flatMap((page) => page.events),
        [],
      )
    t.same(await other.readStream('$ce-test'), [], 'nor do they make a stream')
    const at = await store.positionAt('2999-01-01T00:00:00Z', after)
    t.equal(at, (await store.readStream(stream)).at(-1)?.position)
  })

  t.test(
    'a subscription gets past any number of events of others, and misses none between them',
    async (t) => {
      const write = await withOthers(t)
      const after = await store.head()
      const events = someEvents(30)
      const stop = AbortSignal.timeout(120_000)
      const follow = async (handle: EventStore, filter?: { types: string[] }): Promise<RecordedEvent[]> => {
        const seen: RecordedEvent[] = []
        const options = { after, limit: 3, signal: stop, ...(filter && { filter }) }
        for await (const page of handle.subscribe(options)) {
          seen.push(...page.events)
          if (seen.some(({ id }) => id === events.at(-1)!.id)) break
        }
        return seen
      }
      const following = Promise.all([follow(store), follow(other), follow(other, { types: ['Noted'] })])
      const ours = appendAll(store, aStream(), ...events.slice(0, 29).map((event) => [event]))
      await Promise.all([write(60), ours])
      await write(10)
      await appendAll(store, aStream(), events.slice(29))
      for (const seen of await following) t.same(idsOf(seen), idsOf(events))
    },
  )

  t.test('a subscription at the head advances when only others write', async (t) => {
    const write = await withOthers(t)
    const feed = other.subscribe({
      after: await store.head(),
      limit: 2,
      signal: AbortSignal.timeout(120_000),
    })
    const pages = feed[Symbol.asyncIterator]()
    await pages.next()
    await write(3)
    const head = await store.head()
    let position: string | undefined
    while (position !== head) {
      const { value } = (await pages.next()) as { value: Awaited<ReturnType<EventStore['readAll']>> }
      t.same(value.events, [])
      position = value.position
    }
    await pages.return?.()
    t.pass('its reader knows that it has read all')
  })
}
