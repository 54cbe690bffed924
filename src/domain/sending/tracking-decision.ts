import type { AccountSettings } from '../accounts/events.ts'

type Wishes = { readonly trackOpens: boolean | null; readonly trackClicks: boolean | null }
/** `wanted`: the policy, whether or not the sent copies carry anything. */
export type TrackingPlan = {
  readonly wanted: { readonly opens: boolean; readonly clicks: boolean }
  readonly opens: boolean
  readonly clicks: boolean
  readonly reason: string
}

/**
 * Whether the sent copies carry our pixel and tracking links: the email's own option takes precedence over the
 * account's policy, and neither has any effect if the mechanism is off. All give way to a recipient who opted out: nothing
 * is then inferred about the email either. `optedOut` are the ids of such contacts. `canTrack` is false if no tracking address is
 * set up. The reason is kept for later readers.
 */
export const planTracking = (
  settings: Pick<AccountSettings, 'trackOpens' | 'trackClicks' | 'addPixel' | 'rewriteLinks'>,
  wishes: Wishes,
  canTrack: boolean,
  optedOut: readonly string[],
): TrackingPlan => {
  if (optedOut.length > 0)
    return {
      wanted: { opens: false, clicks: false },
      opens: false,
      clicks: false,
      reason: `a recipient has opted out of tracking: ${optedOut.length === 1 ? 'contact' : 'contacts'} ${optedOut.join(', ')}`,
    }
  const wanted = {
    opens: wishes.trackOpens ?? settings.trackOpens,
    clicks: wishes.trackClicks ?? settings.trackClicks,
  }
  if (!canTrack)
    return {
      wanted,
      opens: false,
      clicks: false,
      reason: 'no tracking address is set up: MAILTRAIL_TRACKING_URL or MAILTRAIL_PUBLIC_URL',
    }
  const opens = decide(wishes.trackOpens, settings.trackOpens, settings.addPixel, 'pixel')
  const clicks = decide(wishes.trackClicks, settings.trackClicks, settings.rewriteLinks, 'rewriting')
  return {
    wanted,
    opens: opens.on,
    clicks: clicks.on,
    reason: `opens: ${opens.reason}; clicks: ${clicks.reason}`,
  }
}

const decide = (
  wish: boolean | null,
  policy: boolean,
  mechanism: boolean,
  name: 'pixel' | 'rewriting',
): { on: boolean; reason: string } => {
  const wanted = wish ?? policy
  const by = wish === null ? 'account policy' : 'email option'
  if (!wanted) return { on: false, reason: `${by} off` }
  return mechanism
    ? { on: true, reason: `${by} on` }
    : { on: false, reason: `${by} on, but the account's ${name} is off` }
}
