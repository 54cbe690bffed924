import type { CopyToTrack, TrackedHtml } from '../../commands/ports/tracking.ts'
import { workInThread } from '../../std/thread-work.ts'
import { restoreHtml } from './restore-html.ts'
import { trackingTokens, type TrackingKey } from './token.ts'
import { trackHtml } from './track-html.ts'

export type HtmlTask = {
  readonly html: string
  readonly keys: readonly TrackingKey[]
  /** Null: it is restored. */
  readonly track: { readonly copy: CopyToTrack; readonly trackingUrl: string } | null
}
export type HtmlTaskDone = { readonly tracked?: TrackedHtml; readonly restored?: string }

workInThread(
  ({ html, keys, track }: HtmlTask): HtmlTaskDone => {
    const tokens = trackingTokens(keys)
    return track === null
      ? { restored: restoreHtml(html, tokens) }
      : { tracked: trackHtml(html, track.copy, tokens, track.trackingUrl) }
  },
  () => [],
)
