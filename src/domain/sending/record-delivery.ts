import { EmailBounced, EmailDelivered, EmailSent, type OutgoingEvent } from './events.ts'
import type { CommandOf } from './outgoing-commands.ts'
import { evolve, idsOf, type AfterQueueing, type OutgoingEmail } from './outgoing-state.ts'

// What is heard about an email after it was handed over; part of the rules in `outgoing-email.ts`.

/**
 * The email was found in a mailbox, so the server took it, whatever became of its answer. For recipients being retried
 * this proves nothing: the email is there because of the others.
 */
export const recordFound = (state: OutgoingEmail, foundAt: string): OutgoingEvent[] => {
  if (!('email' in state) || state.taken !== null) return []
  const attempt = state.status === 'sending' ? state.attempts + 1 : state.unclear.at(-1)
  if (attempt === undefined) return []
  return [
    EmailSent({
      ...idsOf(state),
      attempt,
      template: state.email.template,
      sentAt: foundAt,
      first: true,
      accepted: [...state.pending],
      refused: [],
      deferred: [],
      retryAt: null,
      evidence: 'found',
    }),
  ]
}

/** Anything heard about an email whose answer was lost proves that the server took it. */
const found = (state: OutgoingEmail, at: string): { state: OutgoingEmail; events: OutgoingEvent[] } => {
  const events = recordFound(state, at)
  return { state: events.reduce(evolve, state), events }
}

export const recordDelivered = (
  state: OutgoingEmail,
  told: CommandOf<'record-delivered'>,
): OutgoingEvent[] => {
  const { state: sent, events } = found(state, told.at)
  if (!('email' in sent)) return []
  const recipient = sent.taken?.recipients.find(({ address }) => address === told.recipient)
  if (!recipient || recipient.delivered === 'report') return events
  const recipients = [recipient.address]
  return [...events, EmailDelivered({ ...idsOf(sent), recipients, basis: 'report', windowMinutes: null })]
}

/**
 * A recipient has the email if nothing came back for the whole window although it would have been seen; unless a bounce
 * does not name its recipient, since it could be any of them.
 */
export const recordSilence = (state: OutgoingEmail, told: CommandOf<'record-silence'>): OutgoingEvent[] => {
  if (!('email' in state) || !state.taken) return []
  const gone = state.taken.bounces.filter(({ permanent }) => permanent).map(({ recipient }) => recipient)
  if (gone.includes(null)) return []
  const { windowMinutes } = told
  const before = Date.parse(told.seenUntil) - windowMinutes * 60_000
  const recipients = state.taken.recipients
    .filter(({ delivered, silentFrom }) => delivered === null && Date.parse(silentFrom) <= before)
    .map(({ address }) => address)
    .filter((address) => !gone.includes(address))
  if (recipients.length === 0) return []
  return [EmailDelivered({ ...idsOf(state), recipients, basis: 'no-bounce', windowMinutes })]
}

/** How long servers keep trying if they do not say so (RFC 5321 4.5.4.1). */
const USUAL_RETRIES_MS = 5 * 24 * 3_600_000

export const recordBounced = (state: OutgoingEmail, told: CommandOf<'record-bounced'>): OutgoingEvent[] => {
  const { state: sent, events } = found(state, told.at)
  if (!('email' in sent) || !saysSomething(sent, told)) return events
  const { do: _, at, retryUntil, ...bounce } = told
  const known = sent.taken?.bounces.some(
    ({ recipient, report }) => recipient === told.recipient && report === told.report,
  )
  if (known) return []
  const silentUntil = told.permanent
    ? null
    : (retryUntil ?? new Date(Date.parse(at) + USUAL_RETRIES_MS).toISOString())
  return [...events, EmailBounced({ ...idsOf(sent), ...bounce, silentUntil })]
}

/**
 * A report about somebody who never got the email, even by an attempt whose answer was lost, says nothing. Nor does a
 * report that some server keeps trying, if it does not say for whom or if that recipient is known to have the email.
 */
const saysSomething = (
  { taken, unclear, pending }: AfterQueueing,
  { recipient, permanent }: CommandOf<'record-bounced'>,
): boolean => {
  if (taken === null) return false
  if (recipient === null) return permanent
  const of = taken.recipients.find(({ address }) => address === recipient)
  if (of) return permanent || of.delivered !== 'report'
  return unclear.length > 0 && pending.includes(recipient)
}
