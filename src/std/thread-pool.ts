import { queueByKey } from './queue-by-key.ts'
import { within } from './within.ts'
import { Worker, type Transferable } from 'node:worker_threads'

export type ThreadLimits = {
  readonly threads: number
  /** Processor time of one task: what it waits for a busy machine is not counted. */
  readonly timeMs: number
  /** Heap of one thread; bytes in buffers are not in it. */
  readonly memoryMb: number
}

/** What goes to a thread, and comes from it; before its first task a thread says `ready`. */
export type Asked<Task> = { readonly id: number; readonly task: Task }
export type Told<Result> = { readonly id: number; readonly result: Result }

/** A task cost its thread: it took more time or memory than it may, or the thread died over it. */
export class ThreadLost extends Error {
  override readonly name = 'ThreadLost'
  readonly reason: 'too-slow' | 'too-much-memory' | 'died'

  constructor(reason: ThreadLost['reason']) {
    super(`A thread was lost: ${reason}`)
    this.reason = reason
  }
}

/** Makes the task for a thread, with those of its buffers that go to it for good; again, should that thread die first. */
type HandOver<Task> = () => { readonly task: Task; readonly buffers: readonly Transferable[] }

export type ThreadPool<Task, Result> = {
  /**
   * `by`: whose task it is; those who wait take turns, however many tasks each of them has.
   * @throws ThreadLost, the signal's reason
   */
  run(
    handOver: HandOver<Task>,
    of?: { readonly by?: string; readonly signal?: AbortSignal | undefined },
  ): Promise<Result>
  close(): Promise<void>
}

type Job<Task, Result> = {
  readonly id: number
  readonly by: string
  readonly handOver: HandOver<Task>
  resolve(result: Result): void
  reject(reason: Error): void
}

/** `given` are the jobs that the thread has, the first of them being worked at; one more than that keeps it busy. */
type Thread<Task, Result> = {
  worker: Worker
  ready: boolean
  given: Job<Task, Result>[]
  timer: NodeJS.Timeout | undefined
}

const GIVEN = 2
/** A task that waits for the machine this many times as long as it may work is given up all the same. */
const MOST_WAITING = 20

const asError = (reason: unknown): Error =>
  reason instanceof Error ? reason : new Error('The thread has stopped', { cause: reason })

/** Processor time that a thread has taken so far; Infinity for one that cannot be asked. */
const spentMs = async (worker: Worker): Promise<number> => {
  try {
    const { user, system } = await within(worker.cpuUsage(), ASKED_WITHIN_MS, () => ({
      user: Infinity,
      system: 0,
    }))
    return (user + system) / 1000
  } catch {
    return Infinity
  }
}

/** A thread that answers nothing for so long is not at JavaScript, where it could be asked. */
const ASKED_WITHIN_MS = 5_000

/**
 * Works in threads of its own. A task that takes too much time or memory costs its thread, which is replaced, and nothing
 * else; threads start when they are first needed and keep no process alive.
 */
export const threadPool = <Task, Result>(
  script: URL,
  { threads: most, timeMs, memoryMb }: ThreadLimits,
): ThreadPool<Task, Result> => {
  const threads = new Set<Thread<Task, Result>>()
  const waiting = queueByKey<Job<Task, Result>>()
  let nextId = 0
  let closed = false

  /** Ends a thread for the fault of the task that it is at, and lets another go on with the rest. */
  const giveUp = (thread: Thread<Task, Result>, reason: ThreadLost['reason']): void => {
    if (!threads.delete(thread)) return
    clearTimeout(thread.timer)
    const [culprit, ...others] = thread.given
    waiting.putBack(others)
    culprit?.reject(new ThreadLost(reason))
    void thread.worker.terminate()
    hand()
  }

  const watch = (thread: Thread<Task, Result>): void => {
    clearTimeout(thread.timer)
    if (thread.given.length === 0) return thread.worker.unref()
    thread.worker.ref()
    const [job] = thread.given
    const startedAt = performance.now()
    const first = timeMs / 10
    const isOver = () => thread.given[0] !== job || !threads.has(thread)
    const judge = async (spentBefore: number): Promise<void> => {
      const worked = (await spentMs(thread.worker)) - spentBefore + first
      if (isOver()) return
      if (worked >= timeMs || performance.now() - startedAt > timeMs * MOST_WAITING)
        return giveUp(thread, 'too-slow')
      thread.timer = setTimeout(() => void judge(spentBefore), Math.max(timeMs - worked, 1))
    }
    const begin = async (): Promise<void> => {
      const spent = await spentMs(thread.worker)
      if (!isOver()) thread.timer = setTimeout(() => void judge(spent), timeMs - first)
    }
    // Most tasks have ended by then, and are not measured at all.
    thread.timer = setTimeout(() => void begin(), first)
  }

  const finished = (thread: Thread<Task, Result>, { id, result }: Told<Result>): void => {
    const job = thread.given.shift()
    watch(thread)
    if (job?.id === id) job.resolve(result)
    hand()
  }

  const start = (): void => {
    const worker = new Worker(script, { resourceLimits: { maxOldGenerationSizeMb: memoryMb } })
    const thread: Thread<Task, Result> = { worker, ready: false, given: [], timer: undefined }
    worker.on('message', (message: Told<Result> | 'ready') => {
      if (message === 'ready') {
        thread.ready = true
        hand()
      } else finished(thread, message)
    })
    const ended = (error: unknown): void => {
      const memory = error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      if (thread.ready) return giveUp(thread, memory ? 'too-much-memory' : 'died')
      // A thread that cannot start is a fault of the installation, not of a task.
      if (!threads.delete(thread)) return
      for (const job of waiting.takeAll()) job.reject(asError(error))
    }
    worker.on('error', ended)
    worker.on('exit', ended)
    threads.add(thread)
  }

  const give = (thread: Thread<Task, Result>, job: Job<Task, Result>): void => {
    thread.given.push(job)
    const { task, buffers } = job.handOver()
    const asked: Asked<Task> = { id: job.id, task }
    thread.worker.postMessage(asked, [...buffers])
    if (thread.given.length === 1) watch(thread)
  }

  /** Hands out what waits: first one job to each thread, then one to have next. */
  const hand = (): void => {
    if (closed) return
    for (let share = 1; share <= GIVEN; share += 1) {
      for (const thread of threads) {
        const job = thread.ready && thread.given.length < share ? waiting.take() : undefined
        if (job !== undefined) give(thread, job)
      }
    }
    const starting = [...threads].filter(({ ready }) => !ready).length
    if (waiting.size() > starting && threads.size < most) start()
  }

  return {
    run: async (handOver, { by = '', signal } = {}) => {
      signal?.throwIfAborted()
      if (closed) throw new Error('The threads are closed')
      const { promise, resolve, reject } = Promise.withResolvers<Result>()
      const job = { id: nextId++, by, handOver, resolve, reject }
      const stop = () => {
        waiting.remove(job)
        reject(asError(signal?.reason))
      }
      signal?.addEventListener('abort', stop, { once: true })
      waiting.add(job)
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
        for (const job of given) job.reject(new Error('The threads are closed'))
      }
      for (const job of waiting.takeAll()) job.reject(new Error('The threads are closed'))
      await Promise.all(ending.map(({ worker }) => worker.terminate()))
    },
  }
}
