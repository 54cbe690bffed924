import type { Page } from '../../../../commands/ports/event-log.ts'
import { within } from '../../../../std/within.ts'

/** Pages one by one; the next is read while the previous one is written. */
export const readAhead = (pages: AsyncIterable<Page>) => {
  const iterator = pages[Symbol.asyncIterator]()
  let reading: Promise<IteratorResult<Page>> | undefined
  const read = (): void => {
    reading = iterator.next()
    // The error is thrown to whoever takes the page; this prevents an unhandled rejection until then.
    reading.catch(() => {})
  }
  return {
    /** With `withinMs` null it waits indefinitely. */
    next: async (withinMs: number | null): Promise<Page | 'not yet' | 'ended'> => {
      if (!reading) read()
      const result = await (withinMs === null ? reading! : within(reading!, withinMs, () => null))
      if (result === null) return 'not yet'
      if (result.done) return 'ended'
      read()
      return result.value
    },
    close: async (): Promise<void> => {
      await reading?.catch(() => {})
      await iterator.return?.()
    },
  }
}
