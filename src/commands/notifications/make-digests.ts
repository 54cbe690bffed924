import { digest, digestStream } from '../../domain/notifications/digest.ts'
import { dueDigest, type DigestReader, type DueDigest } from '../../domain/notifications/due-digest.ts'
import type { DigestFigures } from '../../domain/notifications/digest-events.ts'
import { tryAll } from '../../std/in-parallel.ts'
import { systemCaller, type Handle } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import { digestKey, mailIdOf } from './mail-ids.ts'

export type DigestDeps = {
  readonly handle: Handle
  readonly clock: Clock
  readonly digestReaders: () => Promise<readonly DigestReader[]>
  /** What a user's digest says of a time. */
  readonly figuresOf: (userId: string, time: Pick<DueDigest, 'since' | 'until'>) => Promise<DigestFigures>
}

/** Makes the digests that are due, each of which is mailed afterwards. */
export const makeDigests =
  (deps: DigestDeps) =>
  async (signal: AbortSignal): Promise<boolean> => {
    const now = deps.clock()
    const due = (await deps.digestReaders()).flatMap((reader) => {
      const of = dueDigest(reader, now)
      return of === null ? [] : [{ ...reader, ...of }]
    })
    await tryAll(due, 1, async ({ userId, timeZone, date, since, until }) => {
      if (signal.aborted) return
      const figures = await deps.figuresOf(userId, { since, until })
      const command = { userId, date, timeZone, figures, mailedAs: mailIdOf(digestKey(userId, date)) }
      const stream = digestStream(userId, date)
      await deps.handle(digest, stream, command, systemCaller('digests', deps.clock, stream))
    })
    return false
  }
