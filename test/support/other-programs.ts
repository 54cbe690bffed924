import { binaryEvent, EventStoreDBClient, jsonEvent, type EventData } from '@eventstore/db-client'
import { randomUUID } from 'node:crypto'
import { anEvent } from './log-events.ts'

/** Others with events in the same event store: each call appends one to a stream of its own. */
export type OtherPrograms = {
  write(): Promise<void>
  close(): Promise<void>
}

/** Programs like ours and unlike it, and the server itself, in an EventStoreDB, in turn. */
export const othersInEventStoreDb = (url: string): OtherPrograms => {
  const client = EventStoreDBClient.connectionString(url)
  // The unary call, as in the adapter.
  const credentials = { username: 'nobody', password: '' }
  const { metadata } = anEvent()
  const turns: (() => [stream: string, event: EventData])[] = [
    () => [`test-${randomUUID()}`, jsonEvent({ type: 'Noted', data: { n: 1 }, metadata: { ...metadata } })],
    () => [`order-${randomUUID()}`, binaryEvent({ type: 'Noted', data: Buffer.from([0, 255, 123]) })],
    () => [`order-${randomUUID()}`, jsonEvent({ type: 'Noted', data: [], metadata: [null] })],
    () => ['$ce-test', jsonEvent({ type: '$>', data: '0@test-1' })],
    () => [`$$test-${randomUUID()}`, jsonEvent({ type: '$metadata', data: { $maxCount: 100 } })],
  ]
  let turn = 0
  return {
    write: async () => {
      const [stream, event] = turns[turn++ % turns.length]!()
      await client.appendToStream(stream, event, { expectedRevision: 'any', credentials })
    },
    close: () => client.dispose(),
  }
}
