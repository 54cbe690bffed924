import { NotFound } from '../../domain/decider.ts'
import { Refused } from '../../domain/refusal.ts'
import { UnknownShape } from '../../domain/upcast.ts'
import { pause } from '../../std/pause.ts'
import { StaleRevision } from '../revisions.ts'
import { AppendTooLarge, DuplicateEvent } from '../ports/event-log.ts'

const FIRST_PAUSE_MS = 25
const LONGEST_PAUSE_MS = 2000

/**
 * Repeats a command under the same command id until the store answers. An answer, including a refusal or a stale
 * revision, is passed on at once. @throws the last fault once `patienceMs` is over
 */
export const untilAnswered = async <Result>(
  work: () => Promise<Result>,
  patienceMs: number,
): Promise<Result> => {
  const until = performance.now() + patienceMs
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await work()
    } catch (error) {
      if (isAnswer(error) || performance.now() + pauseMs > until) throw error
    }
    await pause(pauseMs)
  }
}

/** True for errors by which the store or a rule says no, so asking again would change nothing. */
export const isAnswer = (error: unknown): boolean =>
  error instanceof Refused ||
  error instanceof NotFound ||
  error instanceof StaleRevision ||
  error instanceof DuplicateEvent ||
  error instanceof AppendTooLarge ||
  error instanceof UnknownShape ||
  error instanceof TypeError
