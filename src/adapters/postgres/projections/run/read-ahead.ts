import type { Page } from '../../../../commands/ports/event-log.ts'
import { within } from '../../../../std/within.ts'

/** Pages one by one, the next one being read while its predecessor is written. */
export const readAhead = (pages: AsyncIterable<Page>) => {
  const iterator = pages[Symbol.asyncIterator]()
  let reading: Promise<IteratorResult<Page>> | undefined
  const read = (): void => {
    reading = iterator.next()
    // Its error is for whoever takes the page; until then it is not unheard.
    reading.catch(() => {})
  }
  return {
    /** `withinMs` null waits without end. */
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
