import type { Decider } from '../decider.ts'
import {
  DraftDiscarded,
  DraftSaved,
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
import type { CommandOf, OutgoingCommand } from './outgoing-commands.ts'
import {
  draftOf,
  evolve,
  idsOf,
  type AfterQueueing,
  type OutgoingEmail,
  type SendingEmail,
  type Progress,
  type UnknownEmail,
  type WaitingEmail,
} from './outgoing-state.ts'
import { recordBounced, recordDelivered, recordFound, recordSilence } from './record-delivery.ts'
import {
  alreadyQueued,
  attemptSuperseded,
  draftDiscarded,
  gaveUp,
  notDue,
  nothingToRetry,
  nothingToSettle,
  notQueued,
  overdue,
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
    case 'abandon':
      return abandon(state, command.outgoingId)
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

/** An event that changes nothing but the revision, at which it was to be queued; what was never a draft is none for good. */
const abandon = (state: OutgoingEmail, outgoingId: string): OutgoingEvent[] => {
  if (state.status === 'none') return [DraftDiscarded({ outgoingId })]
  return state.status === 'draft' ? [DraftSaved({ outgoingId, draft: state.draft })] : []
}

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
  if (decision === 'send-again') requireRecent(state, now)
  const notBefore = decision === 'send-again' ? now : null
  return [EmailOutcomeSettled({ ...idsOf(state), decision, notBefore })]
}

/** As long as servers retry on their own (RFC 5321 4.5.4.1): nobody is surprised by a date within that. */
const SENT_AGAIN_WITHIN_MS = 5 * 24 * 3_600_000

/** The same bytes carry the same date, so what is old has to be sent anew. @throws Refused `overdue` */
const requireRecent = (state: AfterQueueing, now: string): void => {
  const { notBefore } = state.email
  if (Date.parse(now) <= Date.parse(notBefore) + SENT_AGAIN_WITHIN_MS) return
  throw overdue({
    detail: `The email carries the date ${notBefore}, so it is not sent again as it is.`,
    ...(draftOf(state) ? {} : { remedy: 'If it is still wanted, write it again.' }),
  })
}

const retry = (state: OutgoingEmail, now: string): OutgoingEvent[] => {
  if (isWaiting(state)) return []
  if (state.status === 'failed') {
    requireRecent(state, now)
    return [EmailRetried({ ...idsOf(state), notBefore: now })]
  }
  throw nothingToRetry({
    detail:
      'email' in state
        ? `There is nothing to retry: ${inWords[state.status]}.`
        : 'The email has not been sent.',
  })
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

export const outgoingEmail: Decider<OutgoingEmail, OutgoingCommand, OutgoingEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}

/** `outgoing-<outgoingId>` */
export const outgoingStream = (outgoingId: string): string => `outgoing-${outgoingId}`
