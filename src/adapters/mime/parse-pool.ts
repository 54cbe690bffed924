import os from 'node:os'
import type { MailParser, UnreadableMail } from '../../commands/ports/parser.ts'
import { ThreadLost, threadPool, type ThreadLimits } from '../../std/thread-pool.ts'
import { MAX_RAW_BYTES, unreadable } from './limits.ts'
import type { Result, Task } from './parse-worker.ts'

const defaults = (): ThreadLimits => ({
  threads: Math.max(1, os.availableParallelism() - 1),
  timeMs: 5000,
  memoryMb: 256,
})

const faultOf = (lost: ThreadLost): UnreadableMail =>
  unreadable(lost.reason === 'died' ? 'unparsable' : lost.reason)

/** Reads mail in threads of its own, so that one that takes too much time or memory holds up none of the others. */
export const mailParser = (
  limits: Partial<ThreadLimits> = {},
  script: URL = new URL('./parse-worker.ts', import.meta.url),
): MailParser => {
  const threads = threadPool<Task, Result>(script, { ...defaults(), ...limits })
  return {
    parse: async (raw, signal) => {
      if (raw.length > MAX_RAW_BYTES) throw unreadable('too-large')
      // The caller keeps its bytes; a copy of exactly these is handed over.
      const handOver = () => {
        const copy = new Uint8Array(raw)
        return { task: copy, buffers: [copy.buffer] }
      }
      const result = await threads.run(handOver, { signal }).catch((error: unknown) => {
        throw error instanceof ThreadLost ? faultOf(error) : error
      })
      if ('reason' in result) throw unreadable(result.reason)
      return result.mail
    },
    close: () => threads.close(),
  }
}
