import os from 'node:os'
import { Worker } from 'node:worker_threads'
import type { MailParser, ParsedMail, UnreadableMail } from '../../commands/ports/parser.ts'
import { MAX_RAW_BYTES, unreadable } from './limits.ts'
import type { Result, Task } from './parse-worker.ts'

export type ParseLimits = {
  readonly threads: number
  /** For one mail. */
  readonly timeMs: number
  /** Heap of one thread; the bytes of a mail and its attachments are not in it. */
  readonly memoryMb: number
}

type Job = {
  readonly id: number
  readonly raw: Buffer
  resolve(mail: ParsedMail): void
  reject(reason: Error): void
}

/** `given` are the jobs that the thread has, the first of them being worked at; one more than that keeps it busy. */
type Thread = {
  worker: Worker
  ready: boolean
  given: Job[]
  timer: NodeJS.Timeout | undefined
  dueAt: number
}

const GIVEN = 2
/** A timer that late says that the whole process stood still, and nothing about the mail. */
const STOOD_STILL_MS = 500

const defaults = (): ParseLimits => ({
  threads: Math.max(1, os.availableParallelism() - 1),
  timeMs: 5000,
  memoryMb: 256,
})

const asError = (reason: unknown): Error =>
  reason instanceof Error ? reason : new Error('Reading mail has stopped', { cause: reason })

/**
 * Reads mail in threads of its own. A mail that takes too much time or memory costs its thread, which is replaced, and
 * nothing else; threads start when they are first needed and keep no process alive.
 */
export const mailParser = (
  limits: Partial<ParseLimits> = {},
  script: URL = new URL('./parse-worker.ts', import.meta.url),
): MailParser => {
  const { threads: most, timeMs, memoryMb } = { ...defaults(), ...limits }
  const threads = new Set<Thread>()
  let waiting: Job[] = []
  let nextId = 0
  let closed = false

  /** Ends a thread for the fault of the mail that it is at, and lets another go on with the rest. */
  const giveUp = (thread: Thread, fault: UnreadableMail): void => {
    if (!threads.delete(thread)) return
    clearTimeout(thread.timer)
    const [culprit, ...others] = thread.given
    waiting = [...others, ...waiting]
    culprit?.reject(fault)
    void thread.worker.terminate()
    hand()
  }

  const watch = (thread: Thread): void => {
    clearTimeout(thread.timer)
    if (thread.given.length === 0) return thread.worker.unref()
    thread.worker.ref()
    thread.dueAt = performance.now() + timeMs
    thread.timer = setTimeout(() => {
      if (performance.now() - thread.dueAt > STOOD_STILL_MS) watch(thread)
      else giveUp(thread, unreadable('too-slow'))
    }, timeMs)
  }

  const finished = (thread: Thread, result: Result): void => {
    const job = thread.given.shift()
    watch(thread)
    if (job?.id === result.id) {
      if ('mail' in result) job.resolve(result.mail)
      else job.reject(unreadable(result.reason))
    }
    hand()
  }

  const start = (): Thread => {
    const worker = new Worker(script, { resourceLimits: { maxOldGenerationSizeMb: memoryMb } })
    const thread: Thread = { worker, ready: false, given: [], timer: undefined, dueAt: 0 }
    worker.on('message', (message: Result | 'ready') => {
      if (message === 'ready') {
        thread.ready = true
        hand()
      } else finished(thread, message)
    })
    const ended = (error: unknown): void => {
      const memory = error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      if (thread.ready) return giveUp(thread, unreadable(memory ? 'too-much-memory' : 'unparsable'))
      // A thread that cannot start is a fault of the installation, not of a mail.
      if (!threads.delete(thread)) return
      for (const job of waiting.splice(0)) job.reject(asError(error))
    }
    worker.on('error', ended)
    worker.on('exit', ended)
    threads.add(thread)
    return thread
  }

  const give = (thread: Thread, job: Job): void => {
    // The caller keeps its bytes; what is handed over is a copy of just them.
    const task: Task = { id: job.id, raw: new Uint8Array(job.raw) }
    thread.given.push(job)
    thread.worker.postMessage(task, [task.raw.buffer])
    if (thread.given.length === 1) watch(thread)
  }

  /** Hands out what waits: first one job to each thread, then one to have next. */
  const hand = (): void => {
    if (closed) return
    for (let share = 1; share <= GIVEN; share += 1) {
      for (const thread of threads) {
        const job = thread.ready && thread.given.length < share ? waiting.shift() : undefined
        if (job !== undefined) give(thread, job)
      }
    }
    const starting = [...threads].filter(({ ready }) => !ready).length
    if (waiting.length > starting && threads.size < most) start()
  }

  return {
    parse: async (raw, signal) => {
      signal?.throwIfAborted()
      if (closed) throw new Error('The mail parser is closed')
      if (raw.length > MAX_RAW_BYTES) throw unreadable('too-large')
      const { promise, resolve, reject } = Promise.withResolvers<ParsedMail>()
      const job = { id: nextId++, raw, resolve, reject }
      const stop = () => {
        waiting = waiting.filter((each) => each !== job)
        reject(asError(signal?.reason))
      }
      signal?.addEventListener('abort', stop, { once: true })
      waiting.push(job)
      hand()
      try {
        return await promise
      } finally {
        signal?.removeEventListener('abort', stop)
      }
    },

    close: async () => {
      closed = true
      const ending = [...threads]
      threads.clear()
      for (const { given, timer } of ending) {
        clearTimeout(timer)
        for (const job of given) job.reject(new Error('The mail parser is closed'))
      }
      for (const job of waiting.splice(0)) job.reject(new Error('The mail parser is closed'))
      await Promise.all(ending.map(({ worker }) => worker.terminate()))
    },
  }
}
