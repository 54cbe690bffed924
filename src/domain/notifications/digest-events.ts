import { z } from 'zod'
import { crmId } from '../directory/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { instant } from '../mail.ts'
import { outgoingId } from '../sending/events.ts'

/** `unansweredSince`: since when the open conversation waits that has waited longest; null if none does. */
const digestFigures = z.object({
  received: z.int(),
  assigned: z.int(),
  waiting: z.int(),
  unansweredSince: instant.nullable(),
})
export type DigestFigures = z.infer<typeof digestFigures>

const ofDay = {
  userId: crmId,
  date: z.iso.date().describe("A day of the user's own calendar"),
  timeZone: z.string(),
}

// In the stream `digest-<userId>.<year>`: one of them for each day.

/** `mailedAs` is the email in which it goes out. */
export const DigestMade = defineEvent(
  'DigestMade',
  z.object({ ...ofDay, figures: digestFigures, mailedAs: outgoingId }),
)
/** There was nothing to tell. */
export const DigestSkipped = defineEvent('DigestSkipped', z.object(ofDay))

export const digestEvents = [DigestMade, DigestSkipped] as const
export type DigestEvent = EventOf<(typeof digestEvents)[number]>
