import { randomUUID } from 'node:crypto'
import { EventStoreDBClient, jsonEvent, type JSONType } from '@eventstore/db-client'
import { eventStoreDb } from '../src/adapters/eventstoredb/event-store.ts'
import { EVENTS, sampleEvent, spread } from './append.ts'
import { inTurn, rate, type Row } from './measure.ts'

const CALLERS = 32

/** Needs a server, given by EVENTSTOREDB_URL: `esdb://127.0.0.1:2113?tls=false`. */
export const appendEsdb: Row = {
  name: 'append-esdb',
  what: 'append one event each, 32 callers, through the EventStoreDB adapter',
  ceilingWhat: "the client's own loop over the same unary call",
  unit: 'events/s',
  reach: 0.9,
  needs: 'EVENTSTOREDB_URL',
  run: async (bench) => {
    const url = process.env['EVENTSTOREDB_URL'] ?? ''
    const store = await eventStoreDb(url)
    const client = EventStoreDBClient.connectionString(url)
    // Passing credentials with the call selects the unary append; an insecure connection does not send them.
    const credentials = { username: 'nobody', password: '' }
    const measured = await inTurn(
      bench.rounds,
      () =>
        rate(EVENTS, () =>
          spread(CALLERS, (index) =>
            store.append({
              stream: `message-${randomUUID()}`,
              expected: 'no_stream',
              // Of a type that no read model reads: the server may hold a log in use.
              events: [{ ...sampleEvent(index), type: 'Measured' }],
            }),
          ),
        ),
      () =>
        rate(EVENTS, () =>
          spread(CALLERS, (index) => {
            const { id, data, metadata } = sampleEvent(index)
            const event = jsonEvent({
              id,
              type: 'Measured',
              data: data as JSONType,
              metadata: { ...metadata },
            })
            return client.appendToStream(`message-${randomUUID()}`, event, {
              expectedRevision: 'no_stream',
              credentials,
            })
          }),
        ),
    )
    await store.close()
    await client.dispose()
    return measured
  },
}
