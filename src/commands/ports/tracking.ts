import type { EventOf } from '../../domain/event.ts'
import type { ClickTracked, OpenTracked } from '../../domain/tracking/events.ts'

/** What a pixel's token says. `recipient` is the index in the envelope, null where several share one copy. */
export type OpenToken = { readonly outgoingId: string; readonly recipient: number | null }

/** What a link's token says: also which link, and where it leads (http or https, as WHATWG URL serialises it). */
export type ClickToken = OpenToken & { readonly link: number; readonly url: string }

/** Sealed tokens: only we can make or read one, and reading needs no database. Null for what is not ours. */
export type TrackingTokens = {
  sealOpen(token: OpenToken): string
  sealClick(token: ClickToken): string
  readOpen(text: string): OpenToken | null
  readClick(text: string): ClickToken | null
}

export type TrackedLink = { readonly index: number; readonly url: string; readonly text: string }

/**
 * `links` are those that now lead through us. `failure` says why nothing, or no pixel, could be put in; the HTML is
 * fit to be sent in any case.
 */
export type TrackedHtml = {
  readonly html: string
  readonly links: readonly TrackedLink[]
  readonly pixel: boolean
  readonly failure: 'too-large' | 'too-many-links' | 'not-rewritable' | 'no-place-for-pixel' | null
}

export type MailTracker = {
  /** Puts our pixel and our links into the HTML of one copy of a message. Never throws: tracking never stops mail. */
  track(html: string, copy: OpenToken & { readonly opens: boolean; readonly clicks: boolean }): TrackedHtml
}

/** Takes our pixels out of HTML and gives our links their destinations back: to look at it is then no open. */
export type Untrack = (html: string) => string

/** A request for a pixel or a tracked link, as it will be recorded; `repeats` is 0 until it is. */
export type TrackedHit = EventOf<typeof OpenTracked | typeof ClickTracked>

/** A hit as the spool hands it on. `source` names its place there, for ever the same: a repeat is known by it. */
export type SpooledHit = { readonly source: string; readonly hit: TrackedHit }

export type HitSpool = {
  /** Returns when the hit outlives this process. @throws where it could not be written: the request is answered all the same */
  record(hit: TrackedHit): void
}
