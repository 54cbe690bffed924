import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Test } from 'tap'
import type { EventStore } from '../../src/commands/ports/event-log.ts'
import { anyCharacter } from '../support/any-character.ts'
import { anEvent, appendAll, aStream, idsOf, pagesFrom, readFrom, someEvents } from '../support/log-events.ts'

/** Part of the event store contract: reading a stream and the log. */
export const readingContract = (t: Test, store: EventStore, other: EventStore): void => {
  t.test('a stream can be read from any revision on, with any limit', async (t) => {
    const stream = aStream()
    const events = someEvents(7)
    await appendAll(store, stream, events.slice(0, 3), events.slice(3))
    await appendAll(store, `${stream}-longer`, someEvents(1))
    for (const after of [-1, 0, 3, 6, 9])
      for (const limit of [1, 3, 100]) {
        const read = await other.readStream(stream, { after, limit })
        t.same(idsOf(read), idsOf(events.slice(after + 1, after + 1 + limit)))
        t.same(
          read.map(({ revision }) => revision),
          read.map((_, nth) => after + 1 + nth),
        )
      }
    t.same(await store.readStream(aStream()), [], 'there is no stream')
  })

  t.test('streams that are read at the same moment are not mistaken for each other', async (t) => {
    const streams = Array.from({ length: 60 }, () => aStream())
    const written = await Promise.all(
      streams.map(async (stream, nth) => {
        const events = someEvents(1 + (nth % 4))
        await appendAll(store, stream, events)
        return events
      }),
    )
    const asked = streams.flatMap((stream, nth) => [
      { stream, events: written[nth]!, options: {} },
      { stream, events: written[nth]!.slice(1), options: { after: 0 } },
      { stream, events: written[nth]!.slice(1, 3), options: { after: 0, limit: 2 } },
      { stream: `${stream}-none`, events: [], options: {} },
    ])
    const read = await Promise.all(asked.map(({ stream, options }) => other.readStream(stream, options)))
    for (const [nth, { stream, events }] of asked.entries()) {
      t.same(idsOf(read[nth]!), idsOf(events))
      t.ok(read[nth]!.every((event) => event.stream === stream))
    }
  })

  t.test('pages of any size return the same events in the same order, each once', async (t) => {
    const after = await store.head()
    const streams = [aStream(), aStream(), aStream()]
    for (const stream of streams) await appendAll(store, stream, someEvents(1), someEvents(4), someEvents(2))
    const all = await readFrom(store, after, 1000)
    t.equal(all.length, 21)
    t.same(all.map(({ position }) => position).toSorted(), [...new Set(all.map(({ position }) => position))])
    t.ok(all.every((event, nth) => nth === 0 || all[nth - 1]!.recordedAt <= event.recordedAt))
    for (const limit of [1, 2, 5, 21, 22]) {
      const pages = await pagesFrom(other, after, limit)
      t.same(
        pages.flatMap(({ events }) => events),
        all,
      )
      t.ok(
        pages.every(
          ({ events, position }) => events.length <= limit && position >= (events.at(-1)?.position ?? ''),
        ),
      )
    }
    t.same(await readFrom(store, all[4]!.position, 3), all.slice(5), 'from behind any event')
  })

  t.test('at the head a page is empty and the position stays', async (t) => {
    const { position } = await appendAll(store, aStream(), someEvents(2))
    t.equal(await other.head(), position)
    const nothing = { events: [], position, atHead: true }
    t.same(await other.readAll({ after: position, limit: 10 }), nothing)
    t.same(await other.readAll({ after: position, limit: 10, filter: { types: [] } }), nothing)
  })

  t.test('a filter returns exactly what it names, and pages advance where nothing matches', async (t) => {
    const after = await store.head()
    const [red, blue] = [aStream('red'), aStream('blue')]
    const kinds = ['Opened', 'Moved', 'Moved', 'Closed', 'Opened'].map((type) => anEvent({}, type))
    await appendAll(store, red, kinds)
    await appendAll(store, blue, [anEvent({}, 'Opened'), anEvent({}, 'opened'), ...someEvents(20)])
    const head = await store.head()
    const all = await readFrom(store, after)
    const filters = [
      [{}, all],
      [{ types: ['Opened'] }, all.filter(({ type }) => type === 'Opened')],
      [
        { types: ['Closed', 'Moved', 'Unheard'] },
        all.filter(({ type }) => type === 'Closed' || type === 'Moved'),
      ],
      [{ streamPrefix: 'red-' }, all.slice(0, 5)],
      [{ streamPrefix: blue }, all.slice(5)],
      [{ types: ['Opened'], streamPrefix: 'red-' }, [all[0], all[4]]],
      [{ types: ['Unheard'] }, []],
      [{ types: [] }, []],
      [{ streamPrefix: '%' }, []],
    ] as const
    for (const [filter, expected] of filters)
      for (const limit of [1, 2, 100]) {
        const pages = await pagesFrom(other, after, limit, filter)
        t.same(
          pages.flatMap(({ events }) => events),
          expected,
          JSON.stringify(filter),
        )
        t.ok(pages.every(({ events }) => events.length <= limit))
        t.equal(pages.at(-1)?.position, head)
      }
  })

  t.test('unusual content comes back unchanged', async (t) => {
    const hard = {
      nul: 'a\u0000b',
      surrogates: '\ud800 \udc00 \u{1f600}',
      quotes: `"' \\ \\u0000 {} {"a",NULL} $1 \r\n\t\u2028`,
      ['ключ "\u0000" \\']: 1,
      ['__proto__']: { polluted: true },
      numbers: [0, -1.5e-300, Number.MAX_SAFE_INTEGER, 1e21],
      nothing: [null, [], {}, ''],
      big: 'ü'.repeat(450_000),
    }
    const stream = aStream()
    await appendAll(store, stream, [anEvent(hard)])
    const [back] = await other.readStream(stream)
    t.equal(JSON.stringify(back?.data), JSON.stringify(hard))

    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue({ stringUnit: anyCharacter }), { minLength: 1, maxLength: 8 }),
        async (values) => {
          const each = aStream()
          await appendAll(
            store,
            each,
            values.map((value) => anEvent({ value })),
          )
          const read = await store.readStream(each)
          assert.equal(
            JSON.stringify(read.map(({ data }) => data)),
            JSON.stringify(values.map((value) => ({ value }))),
          )
        },
      ),
      { numRuns: 25 },
    )
  })

  t.test('the position at a time is that of the last event recorded by then', async (t) => {
    const after = await store.head()
    const stream = aStream()
    for (let nth = 0; nth < 12; nth++)
      await store.append({ stream, expected: nth === 0 ? 'no_stream' : nth - 1, events: someEvents(1) })
    const all = await readFrom(store, after)
    const asOf = (instant: string) => all.findLast(({ recordedAt }) => recordedAt <= instant)?.position
    for (const { recordedAt } of all) {
      const shifted = new Date(Date.parse(recordedAt) + 3_600_000).toISOString().replace('Z', '+01:00')
      t.equal(await other.positionAt(recordedAt, after), asOf(recordedAt))
      t.equal(await other.positionAt(shifted, after), asOf(recordedAt), 'in another zone')
    }
    t.equal(await other.positionAt(all[6]!.recordedAt), asOf(all[6]!.recordedAt), 'from the start')
    const before = new Date(Date.parse(all[0]!.recordedAt) - 1).toISOString()
    t.ok(((await store.positionAt(before, after)) ?? '') < all[0]!.position)
    t.equal(await store.positionAt('2001-01-01T00:00:00Z'), null)
    t.equal(await store.positionAt('2999-01-01T00:00:00Z', after), all.at(-1)!.position)
    const { position, recordedAt } = all.at(-1)!
    t.same(await other.newest(), { position, recordedAt })
  })

  t.test('the extent of the log grows with every event, in one unit', async (t) => {
    const stream = aStream()
    await appendAll(store, stream, someEvents(3))
    const extents = (await store.readStream(stream)).map(({ position }) => store.extent(position))
    t.equal(new Set(extents.map(({ unit }) => unit)).size, 1)
    t.ok(extents.every(({ amount }, nth) => amount > (extents[nth - 1]?.amount ?? 0)))
    t.equal(store.extent(null).amount, 0)
  })

  t.test('changing what was read does not change the log', async (t) => {
    const [stream, data] = [aStream(), { list: [1] }]
    await appendAll(store, stream, [anEvent(data)])
    data.list.push(2)
    const [read] = await store.readStream(stream)
    ;(read!.data as typeof data).list.push(3)
    t.same((await store.readStream(stream))[0]?.data, { list: [1] })
  })
}
