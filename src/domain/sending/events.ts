import { z } from 'zod'
import { accountId } from '../accounts/events.ts'
import { crmId } from '../directory/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { idOf } from '../ids.ts'
import { address, blobHash, instant, mailbox, oneLine } from '../mail.ts'
import { messageId } from '../sync/events.ts'
import { templateId } from '../templates/events.ts'
import { FAILURE_KINDS } from './classify-failure.ts'

export const outgoingId = idOf('out').describe('Id of a draft and of the email that it becomes')

/**
 * `contentId` marks an image that the body shows as `cid:…`, so that it is not listed as an attachment. A queued email
 * has it only on images that its body does show.
 */
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

/** All files of an email together, before base64 adds a third: the limit of large providers. */
export const MAX_FILES_BYTES = 25 * 1024 * 1024

/** An email being written: everything as the user typed it, variables not filled in. */
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
  /** Written by Mailtrail itself: it goes out as it is, without variables, signature and tracking, and says so. */
  automatic: z.boolean().optional(),
})
export type Draft = z.infer<typeof draft>

/**
 * The tracking decision and its reason. `wanted` is the policy; even without a pixel, opens can be inferred from other
 * signs. `opens` and `clicks` say whether the sent copies carry a pixel and tracking links.
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
 * The bytes are now fixed: `mime` goes over the wire; `copy` is the same email for the Sent folder, without the pixel
 * and with the original links. `notBefore` is the later of the scheduled time and the end of the undo window. `draft`
 * is what the bytes were made from, so that cancelling gives it back.
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
/** `draft` is what the email becomes again; null if an earlier attempt may have been sent. */
export const EmailCancelled = defineEvent(
  'EmailCancelled',
  z.object({ outgoingId, accountId, draft: draft.nullable() }),
)
/**
 * Recorded just before the step that sends the email to these recipients. From here until the answer, nobody can know
 * whether the provider took it. `handle` is the provider's own name for the prepared email, if it has one.
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

/** What a server said about a recipient it did not take; `reason` is in its own words. */
const refusal = z.object({
  address,
  code: z.int().nullable(),
  enhancedCode: z.string().nullable(),
  reason: z.string(),
})

/**
 * The provider has taken responsibility for `accepted` (as with 250 after the final dot, RFC 5321 4.2.5); that is not
 * delivery yet. The `deferred` are retried automatically at `retryAt`. `first` is false if other recipients of this
 * email were accepted earlier.
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
    /** `answer`: the server said so. `found`: the email was later found in the mailbox. */
    evidence: z.enum(['answer', 'found']),
  }),
)
/**
 * Known not to have been sent; retried at `retryAt`, except for recipients in `refused`, who were refused for good.
 * `deferred` holds what was said about individual recipients.
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
/** Known not to have been sent to the remaining recipients, and not retried. */
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
/** The answer was lost. Never sent again automatically. */
export const EmailOutcomeLost = defineEvent(
  'EmailOutcomeLost',
  z.object({ outgoingId, accountId, attempt: z.int(), reason: z.string() }),
)
/** A user decided to send again (from `notBefore` on) an email that may have been sent, or to give it up. */
export const EmailOutcomeSettled = defineEvent(
  'EmailOutcomeSettled',
  z.object({
    outgoingId,
    accountId,
    decision: z.enum(['send-again', 'give-up']),
    notBefore: instant.nullable().optional(),
  }),
)
/** A user had a failed email tried again, with the same bytes. */
export const EmailRetried = defineEvent(
  'EmailRetried',
  z.object({ outgoingId, accountId, notBefore: instant }),
)
/**
 * `filed`: we appended it to the Sent folder. `found`: the server had already filed one. `impossible`: there is no such
 * folder.
 */
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
 * These recipients have the email: a report says so, or nothing came back within the stated window although it would
 * have been seen. A later bounce withdraws this.
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
/** Why: the SMTP reply code, the server's own words, and what `classify-failure.ts` concludes from them. */
const failure = {
  code: z.int().nullable().optional(),
  diagnostic: z.string().nullable().optional(),
  kind: z.enum(FAILURE_KINDS).optional(),
  /** The address itself is bad and will stay so. */
  hard: z.boolean().optional(),
}

/**
 * `permanent`: no longer tried, so this recipient does not get the email; `recipient` is null if the report does not
 * say which of several it is about. Otherwise the server keeps trying, and until `silentUntil` silence means nothing.
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
  /** Null if the report says only that it failed. */
  address: z.string().nullable(),
  action: z.enum(['failed', 'delayed', 'delivered', 'relayed', 'expanded']),
  /** Enhanced status code (RFC 3463). */
  status: z.string().nullable(),
  ...failure,
  /** The server that refused, or that could not be reached. */
  remoteMta: z.string().nullable().optional(),
  /** How long the reporting server keeps trying. */
  retryUntil: instant.nullable().optional(),
})
export type ReportedRecipient = z.infer<typeof reportedRecipient>
/** In the stream `report-<messageId>`: what a delivery report (RFC 3464) in the mailbox says, and about which email. */
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
