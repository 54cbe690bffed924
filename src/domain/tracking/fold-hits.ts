import type { DomainEvent, EventOf, RecordedEvent } from '../event.ts'
import { ClickTracked, OpenTracked, type TrackingEvent } from './events.ts'

export type HitEvent = EventOf<typeof OpenTracked | typeof ClickTracked>

const FOLD_MS = 30_000
const HOUR_MS = 3_600_000
/** The most events one token can cause in an hour, so that replaying a token cannot fill the log. */
export const EVENTS_AN_HOUR = 200

/**
 * Folds requests with the same token, address and agent, and the same values for everything a verdict depends on,
 * within 30 s into the first one, which counts the others in `repeats`.
 */
export const foldRepeats = <Hit extends { readonly hit: HitEvent }>(hits: readonly Hit[]): Hit[] => {
  const folded: Hit[] = []
  const firsts = new Map<string, number>()
  for (const one of hits) {
    const { ip, userAgent, method, prefetch, own } = one.hit.data
    const key = JSON.stringify([tokenOf(one.hit), ip, userAgent, method, prefetch, own])
    const at = firsts.get(key)
    const first = at === undefined ? undefined : folded[at]
    const apart = first ? Date.parse(one.hit.data.at) - Date.parse(first.hit.data.at) : Infinity
    if (first && at !== undefined && Math.abs(apart) < FOLD_MS)
      folded[at] = { ...first, hit: oneMore(first.hit, one.hit) }
    else {
      firsts.set(key, folded.length)
      folded.push(one)
    }
  }
  return folded
}

const oneMore = (first: HitEvent, { data }: HitEvent): HitEvent => {
  const repeats = first.data.repeats + 1 + data.repeats
  return first.type === 'OpenTracked'
    ? OpenTracked({ ...first.data, repeats })
    : ClickTracked({ ...first.data, repeats })
}

/** The hits that may still be recorded, given what the email's stream already has, in order. */
export const withinLimit = <Hit extends { readonly hit: HitEvent }>(
  history: readonly RecordedEvent[],
  hits: readonly Hit[],
): Hit[] => {
  const times = new Map<string, number[]>()
  for (const event of history) if (isHit(event)) remember(times, event)
  return hits.filter(({ hit }) => {
    const at = Date.parse(hit.data.at)
    const recent = (times.get(tokenOf(hit)) ?? []).filter((time) => Math.abs(at - time) < HOUR_MS)
    if (recent.length >= EVENTS_AN_HOUR) return false
    remember(times, hit)
    return true
  })
}

const remember = (times: Map<string, number[]>, hit: HitEvent): void => {
  const token = tokenOf(hit)
  const known = times.get(token)
  if (known) known.push(Date.parse(hit.data.at))
  else times.set(token, [Date.parse(hit.data.at)])
}

const isHit = (event: DomainEvent): event is HitEvent =>
  event.type === OpenTracked.type || event.type === ClickTracked.type

/** Tells the tokens of one email apart. */
const tokenOf = (hit: HitEvent): string =>
  `${hit.data.outgoingId} ${hit.data.recipient} ${hit.type === 'ClickTracked' ? hit.data.link : 'pixel'}`

/** `tracking-<outgoingId>` */
export const trackingStream = (outgoingId: string): string => `tracking-${outgoingId}`

/** Whether this reply is already in the email's history. */
export const isRecordedReply = (history: readonly RecordedEvent[], messageId: string): boolean =>
  history.some((event) => {
    const { type, data } = event as DomainEvent as TrackingEvent
    return type === 'EmailReplied' && data.messageId === messageId
  })
