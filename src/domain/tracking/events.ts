import { z } from 'zod'
import { accountId } from '../accounts/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { instant } from '../mail.ts'
import { outgoingId } from '../sending/events.ts'
import { messageId } from '../sync/events.ts'

/**
 * A request for a pixel or a tracking link, as it came. A versioned classifier judges later whether a person made it.
 * `recipient` is an index in the envelope, null if several share the copy. `repeats` counts further requests with the
 * same token, address and agent within 30 s.
 */
const hit = {
  outgoingId,
  recipient: z.int().nullable(),
  at: instant,
  method: z.string().max(16),
  ip: z.string().max(64).nullable(),
  userAgent: z.string().max(512).nullable(),
  prefetch: z.boolean(),
  /** Made by the CRM's own people: the request carried one of our sessions. */
  own: z.boolean(),
  /** Whether a public list named the user agent as a program at the time; absent if no list was consulted. */
  bot: z.boolean().optional(),
  repeats: z.int(),
}
export const OpenTracked = defineEvent('OpenTracked', z.object(hit))
export const ClickTracked = defineEvent('ClickTracked', z.object({ ...hit, link: z.int(), url: z.string() }))
/** An incoming message references an email of ours, and no machine wrote it. */
export const EmailReplied = defineEvent(
  'EmailReplied',
  z.object({ outgoingId, accountId, messageId, from: z.string(), at: instant }),
)

export const trackingEvents = [OpenTracked, ClickTracked, EmailReplied] as const
export type TrackingEvent = EventOf<(typeof trackingEvents)[number]>
