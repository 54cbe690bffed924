import { z } from 'zod'
import { accountId } from '../accounts/events.ts'
import { crmId } from '../directory/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { idOf } from '../ids.ts'
import { instant } from '../mail.ts'

/** Id of a message as people see it: `out_…` for an email sent from here, of which the copy in the mailbox is a part. */
const messageId = idOf('msg', 'out')

/** What mail is linked to: a contact, a company or a deal of the CRM. */
export const recordRef = z.object({
  kind: z.enum(['contact', 'company', 'deal']).describe('What kind of record of the CRM it is'),
  id: crmId,
})
export type RecordRef = z.infer<typeof recordRef>

/** The rules, the strongest first. */
export const linkRuleNames = ['sender', 'sent-about', 'address', 'thread', 'name', 'domain'] as const

/**
 * Why a message belongs to a record: the rule, and the address, name, domain, contact or message that it went by.
 * `certain`: nothing else fits. `probable`: several signs agree. `possible`: somebody has to decide.
 */
export const link = z.object({
  record: recordRef,
  rule: z.enum(linkRuleNames),
  evidence: z.string(),
  confidence: z.enum(['certain', 'probable', 'possible']),
})
export type Link = z.infer<typeof link>

const ofMessage = { messageId, accountId }

// In the stream `links-<messageId>`.

/**
 * The whole result of the rules of this version (`matcher`); recorded only where it differs from what it was. `factsAt` is
 * the position of the log up to which the CRM's records were known.
 */
export const MessageMatched = defineEvent(
  'MessageMatched',
  z.object({
    ...ofMessage,
    links: z.array(link),
    suggestions: z.array(link),
    matcher: z.int(),
    factsAt: z.string(),
  }),
)
/** Somebody linked the message, or accepted a suggestion. */
export const MessageLinked = defineEvent('MessageLinked', z.object({ ...ofMessage, record: recordRef }))
/** Somebody removed a link, or rejected a suggestion: no rule links the record again. */
export const MessageUnlinked = defineEvent('MessageUnlinked', z.object({ ...ofMessage, record: recordRef }))
/** What somebody decided about the record is undone: the rules decide again. */
export const LinkDecisionUndone = defineEvent(
  'LinkDecisionUndone',
  z.object({ ...ofMessage, record: recordRef }),
)

// In the stream `sender-<hash of the address>`.

/** Mail from and to this address always belongs to the record. */
export const SenderAssigned = defineEvent(
  'SenderAssigned',
  z.object({ address: z.string(), record: recordRef }),
)
export const SenderUnassigned = defineEvent(
  'SenderUnassigned',
  z.object({ address: z.string(), record: recordRef }),
)

// In the streams `matching-main` and `relinking-main`.

/** All new messages up to this position of the log are matched. */
export const NewMessagesMatched = defineEvent('NewMessagesMatched', z.object({ upTo: z.string() }))

const relinking = {
  /** It covers the changes up to this position of the log. */
  upTo: z.string(),
  /** Messages examined, and those among them whose links or suggestions changed. */
  examined: z.int(),
  changed: z.int(),
  matcher: z.int(),
}
/** Re-linking of older messages has come past the message that was found at the position `after`. */
export const RelinkingProgressed = defineEvent(
  'RelinkingProgressed',
  z.object({ ...relinking, after: z.string(), startedAt: instant }),
)
export const RelinkingFinished = defineEvent(
  'RelinkingFinished',
  z.object({ ...relinking, startedAt: instant }),
)

export const linkEvents = [MessageMatched, MessageLinked, MessageUnlinked, LinkDecisionUndone] as const
export type LinkEvent = EventOf<(typeof linkEvents)[number]>
export const senderEvents = [SenderAssigned, SenderUnassigned] as const
export type SenderEvent = EventOf<(typeof senderEvents)[number]>
export const matchingEvents = [NewMessagesMatched, RelinkingProgressed, RelinkingFinished] as const
export type MatchingEvent = EventOf<(typeof matchingEvents)[number]>
