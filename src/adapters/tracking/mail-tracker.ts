import type { MailTracker, TrackedHtml, Untrack } from '../../commands/ports/tracking.ts'
import { ThreadLost, threadPool } from '../../std/thread-pool.ts'
import type { HtmlTask, HtmlTaskDone } from './html-worker.ts'
import { restoreHtml } from './restore-html.ts'
import { restoreText } from './restore-text.ts'
import { untracked } from './rewrite-html.ts'
import { trackingTokens, type TrackingKey } from './token.ts'
import { trackHtml } from './track-html.ts'
import { mayHaveOurs } from './tracking-urls.ts'

const LIMITS = { threads: 1, timeMs: 60_000, memoryMb: 512 }
/** What is shorter takes a few milliseconds, about as long as handing it over does. */
const SHORT_CHARACTERS = 10_000

type TrackingOfMail = {
  readonly tracker: MailTracker | null
  readonly untrack: Untrack
  readonly close: () => Promise<void>
}

/**
 * Puts tracking into HTML and takes it out, of anything long in a thread of its own. `trackingUrl` is the origin that
 * pixels and links lead to; where it is null nothing is tracked.
 */
export const trackingOfMail = (keys: readonly TrackingKey[], trackingUrl: string | null): TrackingOfMail => {
  const tokens = trackingTokens(keys)
  const threads = threadPool<HtmlTask, HtmlTaskDone>(new URL('./html-worker.ts', import.meta.url), LIMITS)
  const inThread = (html: string, track: HtmlTask['track']): Promise<HtmlTaskDone> =>
    threads.run(() => ({ task: { html, keys, track }, buffers: [] }))

  const trackerAt = (url: string): MailTracker => ({
    track: async (html, copy): Promise<TrackedHtml> => {
      if (html.length <= SHORT_CHARACTERS) return trackHtml(html, copy, tokens, url)
      try {
        const { tracked } = await inThread(html, { copy, trackingUrl: url })
        return tracked ?? untracked(html, 'not-rewritable')
      } catch (error) {
        if (!(error instanceof ThreadLost)) throw error
        return untracked(html, 'not-rewritable')
      }
    },
  })
  return {
    tracker: trackingUrl === null ? null : trackerAt(trackingUrl),
    untrack: {
      html: async (html) => {
        if (html.length <= SHORT_CHARACTERS || !mayHaveOurs(html)) return restoreHtml(html, tokens)
        const { restored } = await inThread(html, null)
        if (restored === undefined) throw new TypeError('The thread has done something else')
        return restored
      },
      text: (text) => restoreText(text, tokens),
    },
    close: () => threads.close(),
  }
}
