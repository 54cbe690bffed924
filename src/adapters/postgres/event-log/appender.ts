import { setImmediate as nextTurn } from 'node:timers/promises'
import pg from 'pg'
import {
  AppendTooLarge,
  DuplicateEvent,
  MAX_APPEND_BYTES,
  RevisionConflict,
  type Append,
} from '../../../commands/ports/event-log.ts'
import { pause } from '../../../std/pause.ts'
import { isConnectionLoss } from '../pool.ts'

const MAX_EVENTS = 512
const MAX_CHARACTERS = 1024 * 1024
const PAUSES_MS = [20, 100, 500, 2000]

type Written = { readonly revision: number; readonly position: number; readonly repeated: boolean }

export type Appender = {
  append(append: Append): Promise<Written>
  /** Refuses new appends and waits for those in progress. */
  close(): Promise<void>
}

type Waiting = Append & {
  readonly data: readonly string[]
  readonly metadata: readonly string[]
  readonly characters: number
  readonly resolve: (written: Written) => void
  readonly reject: (error: unknown) => void
}

type Answer = {
  readonly status: 'appended' | 'repeated' | 'conflict' | 'duplicate'
  readonly revision: number
  readonly position: number
}

/**
 * Appends that arrive during a flush go together in the next one: one call, one transaction, one fsync. `onWritten` is
 * called after each flush that wrote something.
 */
export const appender = (pool: pg.Pool, onWritten: () => void): Appender => {
  const queue: Waiting[] = []
  let running: Promise<void> | null = null
  let closed = false

  const run = async (): Promise<void> => {
    // Batches everything appended in the same turn of the event loop.
    await nextTurn()
    while (queue.length > 0) await flush(takeBatch(queue))
    running = null
  }

  const flush = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const answers = await callUntilAnswered(pool, batch)
      if (answers.some(({ status }) => status === 'appended')) onWritten()
      for (const [index, waiting] of batch.entries()) settle(waiting, answers[index])
    } catch (error) {
      // One bad append fails its whole batch; retried alone, the others succeed.
      if (batch.length > 1 && !isConnectionLoss(error)) for (const waiting of batch) await flush([waiting])
      else
        for (const { reject, stream } of batch) reject(isSameId(error) ? new DuplicateEvent(stream) : error)
    }
  }

  return {
    append: ({ stream, expected, events }) =>
      new Promise<Written>((resolve, reject) => {
        if (closed) throw new Error('The event store is closed')
        if (events.length === 0) throw new TypeError('An append needs at least one event')
        const data = events.map((event) => JSON.stringify(event.data))
        const metadata = events.map((event) => JSON.stringify(event.metadata))
        const characters = [...data, ...metadata].reduce((sum, json) => sum + json.length, 0)
        // UTF-8 takes at most three bytes per UTF-16 code unit.
        if (characters * 3 > MAX_APPEND_BYTES && bytesOf(data) + bytesOf(metadata) > MAX_APPEND_BYTES)
          throw new AppendTooLarge(stream)
        queue.push({ stream, expected, events, data, metadata, characters, resolve, reject })
        running ??= run()
      }),
    close: async () => {
      closed = true
      await running
    },
  }
}

const bytesOf = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)

/** Takes the next batch from the queue, in order: within the limits, one append per stream, at least one append. */
const takeBatch = (queue: Waiting[]): Waiting[] => {
  const batch: Waiting[] = []
  const left: Waiting[] = []
  const streams = new Set<string>()
  let events = 0
  let characters = 0
  let full = false
  for (const waiting of queue) {
    events += waiting.events.length
    characters += waiting.characters
    full ||= batch.length > 0 && (events > MAX_EVENTS || characters > MAX_CHARACTERS)
    if (full || streams.has(waiting.stream)) left.push(waiting)
    else batch.push(waiting)
    streams.add(waiting.stream)
  }
  queue.splice(0, queue.length, ...left)
  return batch
}

/**
 * After a lost connection it is not known what was written; the event ids make a retry safe. If the connection cannot
 * be restored, the callers get the error.
 */
const callUntilAnswered = async (pool: pg.Pool, batch: readonly Waiting[]): Promise<Answer[]> => {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await call(pool, batch)
    } catch (error) {
      if (!isConnectionLoss(error)) throw error
      await pause(pauseMs)
    }
  }
  return call(pool, batch)
}

const call = async (pool: pg.Pool, batch: readonly Waiting[]): Promise<Answer[]> => {
  const events = batch.flatMap((waiting) => waiting.events)
  const { rows } = await pool.query<Answer>({
    name: 'es.append',
    text: 'select * from es.append($1, $2, $3, $4, $5, $6, $7)',
    values: [
      batch.map(({ stream }) => stream),
      batch.map(({ expected }) => (expected === 'no_stream' ? -1 : expected)),
      batch.flatMap((waiting, index) => waiting.events.map(() => index + 1)),
      events.map(({ id }) => id),
      events.map(({ type }) => type),
      batch.flatMap(({ data }) => data),
      batch.flatMap(({ metadata }) => metadata),
    ],
  })
  return rows
}

const settle = ({ stream, expected, resolve, reject }: Waiting, answer: Answer | undefined): void => {
  switch (answer?.status) {
    case 'appended':
    case 'repeated':
      return resolve({
        revision: answer.revision,
        position: answer.position,
        repeated: answer.status === 'repeated',
      })
    case 'conflict':
      return reject(new RevisionConflict(stream, expected, answer.revision))
    case 'duplicate':
      return reject(new DuplicateEvent(stream))
    case undefined:
      return reject(new Error(`No answer to the append to ${stream}`))
  }
}

/**
 * The same id twice in one append, or in two appends of one batch: the SQL function checks only against what was there
 * before.
 */
const isSameId = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && error.constraint === 'events_event_id_key'
