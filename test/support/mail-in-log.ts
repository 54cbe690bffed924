import type { Test } from 'tap'
import { postgresEventStore } from '../../src/adapters/postgres/event-log/event-store.ts'
import { newCommandId, newEvent } from '../../src/commands/handle.ts'
import { accountStream } from '../../src/domain/accounts/account.ts'
import type { ExpectedRevision } from '../../src/commands/ports/event-log.ts'
import type { DomainEvent, Position } from '../../src/domain/event.ts'
import { messageStream } from '../../src/domain/sync/message.ts'
import { inParallel } from '../../src/std/in-parallel.ts'
import { accountId, connected, type synced } from './example-sync-events.ts'
import type { TestApp } from './running-app.ts'

const at = '2026-01-31T12:00:00.000Z'

/** A way to write events into the log of a running service, as if they had come about by themselves. */
export const logOf = (t: Test, { pool }: Pick<TestApp, 'pool'>) => {
  const store = postgresEventStore(pool)
  t.teardown(() => store.close())
  const caller = { actor: { kind: 'system', id: 'test' }, correlationId: 'c', causationId: null } as const
  const appendTo = async (
    stream: string,
    expected: ExpectedRevision,
    added: readonly DomainEvent[],
  ): Promise<Position> => {
    const events = added.map((event) => {
      const id = newCommandId(new Date())
      return newEvent(event, id, { ...caller, commandId: id }, at)
    })
    return (await store.append({ stream, expected, events })).position
  }
  const append = (stream: string, ...added: readonly DomainEvent[]): Promise<Position> =>
    appendTo(stream, 'no_stream', added)
  return {
    store,
    append,
    /** The same, behind what is there. */
    appendMore: async (stream: string, ...added: readonly DomainEvent[]): Promise<Position> =>
      appendTo(stream, (await store.readStream(stream)).at(-1)?.revision ?? 'no_stream', added),
    /** The account of the examples. */
    connect: (settings: Parameters<typeof connected>[0] = {}) =>
      append(accountStream(accountId), connected(settings)),
    /** Messages as if they had been synced. @returns the position of the last */
    storeMail: async (messages: readonly ReturnType<typeof synced>[]): Promise<Position> => {
      const positions = await inParallel(messages, 256, (message) =>
        append(messageStream(message.data.messageId), message),
      )
      return positions.toSorted().at(-1)!
    },
  }
}
