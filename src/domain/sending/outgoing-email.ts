import type { Decider } from '../decider.ts'
import {
  DraftDiscarded,
  DraftSaved,
  EmailBounced,
  EmailDelivered,
  EmailSent,
  EmailCancelled,
  EmailQueued,
  EmailDeferred,
  EmailFailed,
  EmailOutcomeLost,
  EmailReleased,
  EmailRetried,
  SentCopyFiled,
  EmailOutcomeSettled,
  type OutgoingEvent,
} from './events.ts'
import {
  draftOf,
  evolve,
  type AfterQueueing,
  type OutgoingCommand,
  type OutgoingEmail,
  type QueuedEmail,
  type SendingEmail,
  type Progress,
  type UnknownEmail,
  type WaitingEmail,
} from './outgoing-state.ts'
import {
  alreadyQueued,
  attemptSuperseded,
  draftDiscarded,
  gaveUp,
  notDue,
  nothingToRetry,
  nothingToSettle,
  notQueued,
  tooLateToCancel,
} from './refusals.ts'
import { retryAt } from './retry-policy.ts'

// ---------------------------------------------------------------- decide

const decide = (command: OutgoingCommand, state: OutgoingEmail): OutgoingEvent[] => {
  switch (command.do) {
    case 'save-draft':
      requireUnqueued(state)
      return state.status === 'draft' && JSON.stringify(state.draft) === JSON.stringify(command.draft)
        ? []
        : [DraftSaved({ outgoingId: command.outgoingId, draft: command.draft })]
    case 'discard':
      if (state.status === 'discarded') return []
      requireUnqueued(state)
      if (state.status === 'failed')
        throw alreadyQueued({ detail: `This is not a draft: ${inWords.failed}.` })
      return [DraftDiscarded({ outgoingId: command.outgoingId })]
    case 'queue':
      requireUnqueued(state)
      return [EmailQueued(command.email)]
    case 'cancel':
      return cancel(state)
    case 'release':
      return release(state, command)
    case 'record-sent':
      return recordSent(state, command)
    case 'record-deferred':
      return recordDeferred(state, command)
    case 'record-failed':
      return recordFailed(state, command)
    case 'record-unknown':
      return state.status === 'sending' && command.attempt === state.attempts + 1
        ? [EmailOutcomeLost({ ...idsOf(state), attempt: command.attempt, reason: command.reason })]
        : []
    case 'put-back':
      return putBack(state, command)
    case 'record-found':
      return recordFound(state, command.foundAt)
    case 'settle-unknown':
      return settle(state, command.decision, command.now)
    case 'retry':
      return retry(state, command.now)
    case 'record-copy':
      return 'email' in state && state.taken?.copy === null
        ? [SentCopyFiled({ ...idsOf(state), outcome: command.outcome, folder: command.folder })]
        : []
    case 'record-delivered':
      return recordDelivered(state, command)
    case 'record-silence':
      return recordSilence(state, command)
    case 'record-bounced':
      return recordBounced(state, command)
  }
}

type CommandOf<Do extends OutgoingCommand['do']> = Extract<OutgoingCommand, { do: Do }>

/** Cancelling always works until the release: both append at the same revision, so one of them wins. */
const cancel = (state: OutgoingEmail): OutgoingEvent[] => {
  if (state.status === 'cancelled') return []
  if (isWaiting(state)) {
    const draft = state.unclear.length === 0 && state.taken === null ? state.email.draft : null
    return [EmailCancelled({ ...idsOf(state), draft })]
  }
  if (!('email' in state)) throw notQueued()
  throw tooLateToCancel({
    detail: `The email can no longer be cancelled: ${inWords[state.status]}.`,
  })
}

const release = (state: OutgoingEmail, { attempt, handle, now }: CommandOf<'release'>): OutgoingEvent[] => {
  if (!isWaiting(state) || attempt !== state.attempts + 1) throw attemptSuperseded()
  if (Date.parse(now) < Date.parse(state.dueAt))
    throw notDue({ detail: `The email is not due until ${state.dueAt}.` })
  return [EmailReleased({ ...idsOf(state), attempt, handle, recipients: [...state.pending] })]
}

/** Recipients that were put off (RFC 5321 4.5.3.1.10) are retried, unless the time for retries is over. */
const recordSent = (state: OutgoingEmail, told: CommandOf<'record-sent'>): OutgoingEvent[] => {
  const inAir = isInAir(state, told.attempt)
  if (!inAir && !isUnclear(state, told.attempt)) return []
  const { attempt, now, accepted, refused, deferred } = told
  // After a late answer nothing is retried without a person's decision.
  const at = inAir && deferred.length > 0 ? retryAt({ ...told, since: state.since }) : null
  return [
    EmailSent({
      ...idsOf(state),
      attempt,
      template: state.email.template,
      sentAt: now,
      first: state.taken === null,
      accepted,
      refused: at === null ? [...refused, ...deferred] : refused,
      deferred: at === null ? [] : deferred,
      retryAt: at,
      evidence: 'answer',
    }),
  ]
}

const recordDeferred = (state: OutgoingEmail, told: CommandOf<'record-deferred'>): OutgoingEvent[] => {
  const { attempt, code, reason, released } = told
  // The answer did come, but too late to retry without a person's decision.
  if (released && isUnknown(state, attempt)) {
    const refused = [...told.refused, ...told.deferred]
    return [EmailFailed({ ...idsOf(state), attempt, code, reason, remedy: gaveUp.remedy, refused })]
  }
  if (released) return isInAir(state, attempt) ? deferOrGiveUp(state, told) : []
  return isNext(state, attempt) ? deferOrGiveUp(state, told) : []
}

const deferOrGiveUp = (state: Progress, told: CommandOf<'record-deferred'>): OutgoingEvent[] => {
  const { attempt, code, reason, refused, deferred } = told
  const at = retryAt({ ...told, since: state.since })
  if (at !== null)
    return [EmailDeferred({ ...idsOf(state), attempt, code, reason, refused, deferred, retryAt: at })]
  const last = `It was tried for a day. The last answer was ${code}: ${reason}`
  return [
    EmailFailed({
      ...idsOf(state),
      attempt,
      code: gaveUp.code,
      reason: last,
      remedy: gaveUp.remedy,
      refused: [...refused, ...deferred],
    }),
  ]
}

/** The final step certainly did not follow the release, so the email is sent as soon as possible. */
const putBack = (state: OutgoingEmail, { attempt, reason, now }: CommandOf<'put-back'>): OutgoingEvent[] =>
  isInAir(state, attempt)
    ? [
        EmailDeferred({
          ...idsOf(state),
          attempt,
          code: 'not-sent',
          reason,
          refused: [],
          deferred: [],
          retryAt: now,
        }),
      ]
    : []

const recordFailed = (state: OutgoingEmail, told: CommandOf<'record-failed'>): OutgoingEvent[] => {
  const { attempt, code, reason, remedy, refused } = told
  const holds = told.released ? isInAir(state, attempt) || isUnknown(state, attempt) : isNext(state, attempt)
  return holds && 'email' in state
    ? [EmailFailed({ ...idsOf(state), attempt, code, reason, remedy, refused })]
    : []
}

/**
 * The email was found in a mailbox, so the server took it, whatever became of its answer. For recipients being retried
 * this proves nothing: the email is there because of the others.
 */
const recordFound = (state: OutgoingEmail, foundAt: string): OutgoingEvent[] => {
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

const settle = (state: OutgoingEmail, decision: 'send-again' | 'give-up', now: string): OutgoingEvent[] => {
  if (isWaiting(state) && state.unclear.length > 0 && decision === 'send-again') return []
  if (state.status !== 'unknown')
    throw nothingToSettle({
      detail:
        'email' in state
          ? `There is nothing to settle: ${inWords[state.status]}.`
          : 'The email has not been sent.',
    })
  if (decision === 'give-up' && state.settled) return []
  const notBefore = decision === 'send-again' ? now : null
  return [EmailOutcomeSettled({ ...idsOf(state), decision, notBefore })]
}

const retry = (state: OutgoingEmail, now: string): OutgoingEvent[] => {
  if (isWaiting(state)) return []
  if (state.status === 'failed') return [EmailRetried({ ...idsOf(state), notBefore: now })]
  throw nothingToRetry({
    detail:
      'email' in state
        ? `There is nothing to retry: ${inWords[state.status]}.`
        : 'The email has not been sent.',
  })
}

/** Anything heard about an email whose answer was lost proves that the server took it. */
const found = (state: OutgoingEmail, at: string): { state: OutgoingEmail; events: OutgoingEvent[] } => {
  const events = recordFound(state, at)
  return { state: events.reduce(evolve, state), events }
}

const recordDelivered = (state: OutgoingEmail, told: CommandOf<'record-delivered'>): OutgoingEvent[] => {
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
const recordSilence = (state: OutgoingEmail, told: CommandOf<'record-silence'>): OutgoingEvent[] => {
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

const recordBounced = (state: OutgoingEmail, told: CommandOf<'record-bounced'>): OutgoingEvent[] => {
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

const isWaiting = (state: OutgoingEmail): state is WaitingEmail =>
  state.status === 'queued' || state.status === 'deferred'

const isNext = (state: OutgoingEmail, attempt: number): state is WaitingEmail =>
  isWaiting(state) && attempt === state.attempts + 1

const isInAir = (state: OutgoingEmail, attempt: number): state is SendingEmail =>
  state.status === 'sending' && attempt === state.attempts + 1

const isUnknown = (state: OutgoingEmail, attempt: number): state is UnknownEmail =>
  state.status === 'unknown' && attempt === state.attempts && state.unclear.includes(attempt)

const isUnclear = (state: OutgoingEmail, attempt: number): state is AfterQueueing =>
  'email' in state && state.unclear.includes(attempt)

const requireUnqueued = (state: OutgoingEmail): void => {
  if (state.status === 'discarded') throw draftDiscarded()
  if ('email' in state && draftOf(state) === null)
    throw alreadyQueued({ detail: `This is no longer a draft: ${inWords[state.status]}.` })
}

const inWords: Record<AfterQueueing['status'], string> = {
  queued: 'it is queued',
  deferred: 'it is waiting for another attempt',
  sending: 'it is being sent right now',
  sent: 'it has been sent',
  failed: 'it failed and was not sent',
  unknown: 'it may have been sent, but the answer of the server was lost',
  cancelled: 'it has been cancelled',
}

const idsOf = ({ email }: { readonly email: QueuedEmail }) => ({
  outgoingId: email.outgoingId,
  accountId: email.accountId,
})

export const outgoingEmail: Decider<OutgoingEmail, OutgoingCommand, OutgoingEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}

/** `outgoing-<outgoingId>` */
export const outgoingStream = (outgoingId: string): string => `outgoing-${outgoingId}`
