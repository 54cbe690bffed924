import { z } from 'zod'
import { accountId } from '../accounts/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { instant } from '../mail.ts'
import { outgoingId } from '../sending/events.ts'
import { messageId } from '../sync/events.ts'

/**
 * A request for a pixel or a tracked link, as it came. Whether a person made it is judged later, by a classifier
 * that has a version. `recipient` is the index in the envelope, null where the copy was shared by several.
 * `repeats` counts further requests of the same token, address and agent within 30 s.
 */
const hit = {
  outgoingId,
  recipient: z.int().nullable(),
  at: instant,
  method: z.string().max(16),
  ip: z.string().max(64).nullable(),
  userAgent: z.string().max(512).nullable(),
  prefetch: z.boolean(),
  /** Made by the CRM's own people: the request carried a session of ours. */
  own: z.boolean(),
  /** What a public list of programs' user agents said at the time; absent where none was asked. */
  bot: z.boolean().optional(),
  repeats: z.int(),
}
export const OpenTracked = defineEvent('OpenTracked', z.object(hit))
export const ClickTracked = defineEvent('ClickTracked', z.object({ ...hit, link: z.int(), url: z.string() }))
/** An incoming message names one of ours in its references, and no machine wrote it. */
export const EmailReplied = defineEvent(
  'EmailReplied',
  z.object({ outgoingId, accountId, messageId, from: z.string(), at: instant }),
)

export const trackingEvents = [OpenTracked, ClickTracked, EmailReplied] as const
export type TrackingEvent = EventOf<(typeof trackingEvents)[number]>
