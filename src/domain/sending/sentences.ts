import type { EventOf, Sentences } from '../event.ts'
import { because, listed, quoted } from '../words.ts'
import type { DeliveryReportRead, OutgoingEvent } from './events.ts'

const people = (of: readonly { readonly address: string }[]): string =>
  listed(of.map(({ address }) => address))

const others = (words: string, of: readonly { readonly address: string }[]): string =>
  of.length === 0 ? '' : `; ${words} ${people(of)}`

const inBrackets = (text: string | null): string => (text === null ? '' : ` (${text})`)

export const sendingSentences: Sentences<OutgoingEvent | EventOf<typeof DeliveryReportRead>> = {
  DraftSaved: ({ draft }) => {
    const to = [...draft.to, ...draft.cc, ...draft.bcc]
    return `The draft ${quoted(draft.subject)}${to.length === 0 ? '' : ` to ${people(to)}`} was saved`
  },
  DraftDiscarded: () => 'The draft was discarded',
  EmailQueued: ({ header, envelope, scheduledAt }) =>
    `The email ${quoted(header.subject)} to ${listed(envelope.recipients)} was ${scheduledAt === null ? 'queued' : `scheduled for ${scheduledAt}`}`,
  EmailCancelled: ({ draft }) =>
    draft === null ? 'The email was cancelled' : 'The email was cancelled and is a draft again',
  EmailReleased: ({ attempt, recipients }) =>
    `The email was released to ${listed(recipients)} (attempt ${attempt})`,
  EmailSent: ({ accepted, refused, deferred, evidence }) =>
    (evidence === 'answer'
      ? `The mail server accepted the email for ${listed(accepted)}`
      : `The email was found in the mailbox, so it was sent to ${listed(accepted)}`) +
    others('it refused', refused) +
    others('it put off', deferred),
  EmailDeferred: ({ attempt, reason, retryAt }) =>
    `Attempt ${attempt} did not succeed and is repeated at ${retryAt}${because(reason)}`,
  EmailFailed: ({ attempt, reason }) => `The email failed (attempt ${attempt})${because(reason)}`,
  EmailOutcomeLost: ({ attempt, reason }) =>
    `It is not known whether attempt ${attempt} sent the email${because(reason)}`,
  EmailOutcomeSettled: ({ decision }) =>
    decision === 'send-again'
      ? 'Somebody decided to send the email again although it may have been sent'
      : 'Somebody decided to let the email be although it may not have been sent',
  EmailRetried: ({ notBefore }) => `Somebody had the failed email tried again, from ${notBefore} on`,
  SentCopyFiled: ({ outcome, folder }) => {
    switch (outcome) {
      case 'filed':
        return `A copy of the email was filed in ${folder ?? 'the Sent folder'}`
      case 'found':
        return `A copy of the email was already in ${folder ?? 'the Sent folder'}`
      case 'impossible':
        return 'No copy of the email could be filed'
    }
  },
  EmailDelivered: ({ recipients, basis, windowMinutes }) =>
    basis === 'report'
      ? `A delivery report says that the email arrived at ${listed(recipients)}`
      : `The email counts as delivered to ${listed(recipients)}, since nothing came back${windowMinutes === null ? '' : ` for ${windowMinutes} minutes`}`,
  EmailBounced: ({ recipient, permanent, status, diagnostic }) =>
    `The email ${permanent ? 'bounced' : 'is delayed'} for ${recipient ?? 'an unnamed recipient'}${inBrackets(status)}${because(diagnostic)}`,
  DeliveryReportRead: ({ outgoingId, recipients }) =>
    outgoingId === null
      ? 'The message was read as a delivery report; it is about no email of ours'
      : `The message was read as a delivery report: ${listed(recipients.map(({ address, action }) => `${action} for ${address ?? 'an unnamed recipient'}`)) || 'it names no recipient'}`,
}
