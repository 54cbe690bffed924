import type { EventOf } from '../../domain/event.ts'
import type { ClickTracked, OpenTracked } from '../../domain/tracking/events.ts'

/** Content of a pixel's token. `recipient` is the index in the envelope, null if several share one copy. */
export type OpenToken = { readonly outgoingId: string; readonly recipient: number | null }

/** Content of a link's token: also which link, and its destination (http or https, as WHATWG URL serialises it). */
export type ClickToken = OpenToken & { readonly link: number; readonly url: string }

/** Sealed tokens: only we can make or read one, and reading needs no database. Null for anything else. */
export type TrackingTokens = {
  sealOpen(token: OpenToken): string
  sealClick(token: ClickToken): string
  readOpen(text: string): OpenToken | null
  readClick(text: string): ClickToken | null
}

export type TrackedLink = { readonly index: number; readonly url: string; readonly text: string }

/**
 * `links` are those that now lead through us. `failure` says why nothing, or no pixel, could be added; the HTML can be
 * sent in any case.
 */
export type TrackedHtml = {
  readonly html: string
  readonly links: readonly TrackedLink[]
  readonly pixel: boolean
  readonly failure: 'too-large' | 'too-many-links' | 'not-rewritable' | 'no-place-for-pixel' | null
}

/** One copy of an email, and what of it is tracked. */
export type CopyToTrack = OpenToken & { readonly opens: boolean; readonly clicks: boolean }

export type MailTracker = {
  /**
   * Puts our pixel and tracking links into the HTML of one copy of an email. Never throws: tracking never prevents
   * sending.
   */
  track(html: string, copy: CopyToTrack): Promise<TrackedHtml>
}

/** Takes our pixels out of a body and gives our links their destinations back: to look at it is then no open or click. */
export type Untrack = { html(html: string): Promise<string>; text(text: string): string }

/** A request for a pixel or a tracked link, as it will be recorded; `repeats` is 0 until it is. */
export type TrackedHit = EventOf<typeof OpenTracked | typeof ClickTracked>

/** A hit from the spool. `source` identifies its place there permanently, so that a repeat is recognised. */
export type SpooledHit = { readonly source: string; readonly hit: TrackedHit }

export type HitSpool = {
  /**
   * Returns when the hit would survive this process.
   * @throws if it could not be written: the request is answered all the same
   */
  record(hit: TrackedHit): void
}
