import { z } from 'zod'
import { accountId } from '../accounts/events.ts'
import { crmId } from '../directory/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { idOf } from '../ids.ts'
import { address, blobHash, instant, mailbox, oneLine } from '../mail.ts'
import { messageId } from '../sync/events.ts'
import { templateId } from '../templates/events.ts'
import { FAILURE_KINDS } from './classify-failure.ts'

export const outgoingId = idOf('out').describe('Id of a draft, and of the message that it becomes')

/** `contentId`: an image that the body shows as `cid:…`, instead of listing it; of a queued email only what it does show. */
export const attachedFile = z.object({
  name: z
    .string()
    .min(1)
    .max(255)
    .regex(...oneLine),
  contentType: z
    .string()
    .max(255)
    .regex(...oneLine),
  size: z.int(),
  blob: blobHash,
  contentId: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/)
    .optional(),
})

/** All files of a message together, before base64 makes them a third larger: what large providers take. */
export const MAX_FILES_BYTES = 25 * 1024 * 1024

/** A message being written: everything as the person typed it, variables unresolved. */
export const draft = z.object({
  accountId,
  userId: crmId.nullable(),
  to: z.array(mailbox).max(500),
  cc: z.array(mailbox).max(500),
  bcc: z.array(mailbox).max(500),
  subject: z
    .string()
    .max(998)
    .regex(...oneLine),
  html: z.string().max(250_000),
  template: z.object({ templateId, version: z.int() }).nullable(),
  contactId: crmId.nullable(),
  dealId: crmId.nullable(),
  attachments: z.array(attachedFile).max(100),
  trackOpens: z.boolean().nullable(),
  trackClicks: z.boolean().nullable(),
  replyTo: z
    .object({
      kind: z.enum(['message', 'email']),
      id: idOf('msg', 'out'),
    })
    .nullable(),
})
export type Draft = z.infer<typeof draft>

/**
 * What was decided about tracking, and why: a later reader need not guess. `wanted` is the policy, under which opens may
 * be counted by other signs than a pixel; `opens` and `clicks` say whether the copies carry one, and links of ours.
 */
const trackingDecision = z.object({
  wanted: z.object({ opens: z.boolean(), clicks: z.boolean() }),
  opens: z.boolean(),
  clicks: z.boolean(),
  reason: z.string(),
  links: z.array(z.object({ index: z.int(), url: z.string(), text: z.string() })),
})

export const DraftSaved = defineEvent('DraftSaved', z.object({ outgoingId, draft }))
export const DraftDiscarded = defineEvent('DraftDiscarded', z.object({ outgoingId }))

/**
 * The bytes are fixed: `mime` is what will go over the wire, `copy` the same message without pixel and with the
 * original links, for the Sent folder. `notBefore` is the later of the schedule and the end of the undo window.
 * `draft` is what they were made of, so that a cancel gives it back.
 */
export const EmailQueued = defineEvent(
  'EmailQueued',
  z.object({
    outgoingId,
    accountId,
    userId: crmId.nullable(),
    template: z.object({ templateId, version: z.int() }).nullable(),
    contactId: crmId.nullable(),
    dealId: crmId.nullable(),
    header: z.object({
      messageId: z.string(),
      inReplyTo: z.string().nullable(),
      references: z.array(z.string()),
      subject: z.string(),
      from: mailbox,
      to: z.array(mailbox),
      cc: z.array(mailbox),
      bcc: z.array(mailbox),
    }),
    envelope: z.object({ from: address, recipients: z.array(address).min(1) }),
    snippet: z.string(),
    attachments: z.array(attachedFile),
    mime: z.object({ blob: blobHash, size: z.int() }),
    copy: z.object({ blob: blobHash, size: z.int() }),
    tracking: trackingDecision,
    queuedAt: instant,
    scheduledAt: instant.nullable(),
    notBefore: instant,
    draft,
  }),
)
/** `draft` is what the email is again; null where an attempt of before may have been sent. */
export const EmailCancelled = defineEvent(
  'EmailCancelled',
  z.object({ outgoingId, accountId, draft: draft.nullable() }),
)
/**
 * Written before the word that sends it to these recipients: from here to the answer nobody can know whether the provider
 * took it. `handle` is the provider's own name of what it has ready, where there is one.
 */
export const EmailReleased = defineEvent(
  'EmailReleased',
  z.object({
    outgoingId,
    accountId,
    attempt: z.int(),
    handle: z.string().nullable(),
    recipients: z.array(address),
  }),
)

/** What a server said of a recipient that it did not take; `reason` are its own words. */
const refusal = z.object({
  address,
  code: z.int().nullable(),
  enhancedCode: z.string().nullable(),
  reason: z.string(),
})

/**
 * The provider has taken responsibility for `accepted` (as by 250 after the dot, RFC 5321 4.2.5). Not yet delivery. The
 * `deferred` are tried again by themselves at `retryAt`; `first` is false where others of this email were accepted before.
 */
export const EmailSent = defineEvent(
  'EmailSent',
  z.object({
    outgoingId,
    accountId,
    attempt: z.int(),
    template: z.object({ templateId, version: z.int() }).nullable(),
    sentAt: instant,
    first: z.boolean(),
    accepted: z.array(address),
    refused: z.array(refusal),
    deferred: z.array(refusal),
    retryAt: instant.nullable(),
    /** `answer`: the server said so. `found`: an unclear send was met in the mailbox later. */
    evidence: z.enum(['answer', 'found']),
  }),
)
/**
 * Known not sent; tried again at `retryAt`, but for those that were `refused` for good. `deferred` has what was said of
 * single recipients.
 */
export const EmailDeferred = defineEvent(
  'EmailDeferred',
  z.object({
    outgoingId,
    accountId,
    attempt: z.int(),
    code: z.string(),
    reason: z.string(),
    refused: z.array(refusal),
    deferred: z.array(refusal),
    retryAt: instant,
  }),
)
/** Known not sent to those who did not have it before, and not tried again. */
export const EmailFailed = defineEvent(
  'EmailFailed',
  z.object({
    outgoingId,
    accountId,
    attempt: z.int(),
    code: z.string(),
    reason: z.string(),
    remedy: z.string(),
    refused: z.array(refusal),
  }),
)
/** The answer was lost. Never sent again by itself. */
export const EmailOutcomeLost = defineEvent(
  'EmailOutcomeLost',
  z.object({ outgoingId, accountId, attempt: z.int(), reason: z.string() }),
)
/** A person decided to send again (from `notBefore` on) what may have been sent, or to let it be. */
export const EmailOutcomeSettled = defineEvent(
  'EmailOutcomeSettled',
  z.object({
    outgoingId,
    accountId,
    decision: z.enum(['send-again', 'give-up']),
    notBefore: instant.nullable().optional(),
  }),
)
/** A person has a failed message tried again, with the same bytes. */
export const EmailRetried = defineEvent(
  'EmailRetried',
  z.object({ outgoingId, accountId, notBefore: instant }),
)
/** `filed`: appended to the Sent folder by us. `found`: the server had filed one. `impossible`: there is no such folder. */
export const SentCopyFiled = defineEvent(
  'SentCopyFiled',
  z.object({
    outgoingId,
    accountId,
    outcome: z.enum(['filed', 'found', 'impossible']),
    folder: z.string().nullable(),
  }),
)
/**
 * These recipients have it: a report says so, or nothing came back within the stated window, where it would have been
 * seen. A later bounce withdraws it.
 */
export const EmailDelivered = defineEvent(
  'EmailDelivered',
  z.object({
    outgoingId,
    accountId,
    recipients: z.array(address),
    basis: z.enum(['no-bounce', 'report']),
    windowMinutes: z.number().nullable(),
  }),
)
/** Why: the reply code of SMTP, the server's own words, and what follows from them (`classify-failure.ts`). */
const failure = {
  code: z.int().nullable().optional(),
  diagnostic: z.string().nullable().optional(),
  kind: z.enum(FAILURE_KINDS).optional(),
  /** The address is to blame, now and later. */
  hard: z.boolean().optional(),
}

/**
 * `permanent`: it is not tried any more, and this recipient does not get it; null where the report does not say which of
 * several it is. Otherwise it is tried on, and until `silentUntil` nothing follows from hearing nothing.
 */
export const EmailBounced = defineEvent(
  'EmailBounced',
  z.object({
    outgoingId,
    accountId,
    recipient: z.string().nullable(),
    permanent: z.boolean(),
    status: z.string().nullable(),
    report: messageId,
    silentUntil: instant.nullable(),
    ...failure,
  }),
)

const reportedRecipient = z.object({
  /** null where the report says only that it failed. */
  address: z.string().nullable(),
  action: z.enum(['failed', 'delayed', 'delivered', 'relayed', 'expanded']),
  /** Enhanced status code (RFC 3463). */
  status: z.string().nullable(),
  ...failure,
  /** The server that refused, or that could not be reached. */
  remoteMta: z.string().nullable().optional(),
  /** Until when the reporting server goes on trying. */
  retryUntil: instant.nullable().optional(),
})
export type ReportedRecipient = z.infer<typeof reportedRecipient>
/** In the stream `report-<messageId>`: what a delivery report (RFC 3464) in the mailbox says, of which message of ours. */
export const DeliveryReportRead = defineEvent(
  'DeliveryReportRead',
  z.object({
    messageId,
    accountId,
    outgoingId: outgoingId.nullable(),
    recipients: z.array(reportedRecipient),
  }),
)

export const outgoingEvents = [
  DraftSaved,
  DraftDiscarded,
  EmailQueued,
  EmailCancelled,
  EmailReleased,
  EmailSent,
  EmailDeferred,
  EmailFailed,
  EmailOutcomeLost,
  EmailOutcomeSettled,
  EmailRetried,
  SentCopyFiled,
  EmailDelivered,
  EmailBounced,
] as const
export type OutgoingEvent = EventOf<(typeof outgoingEvents)[number]>
