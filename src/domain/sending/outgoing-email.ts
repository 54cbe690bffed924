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
  type ReleasingMessage,
  type Sending,
  type SentMessage,
  type UnknownMessage,
  type WaitingMessage,
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
      if (state.status === 'failed') throw alreadyQueued({ detail: `This is no draft: ${inWords.failed}.` })
      return [DraftDiscarded({ outgoingId: command.outgoingId })]
    case 'queue':
      requireUnqueued(state)
      return [EmailQueued(command.message)]
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
      return state.status === 'releasing' && command.attempt === state.attempts + 1
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
      return state.status === 'sent' && state.copy === null
        ? [SentCopyFiled({ ...idsOf(state), outcome: command.outcome, folder: command.folder })]
        : []
    case 'record-delivered':
      return recordDelivered(state, command)
    case 'record-bounced':
      return recordBounced(state, command)
  }
}

type CommandOf<Do extends OutgoingCommand['do']> = Extract<OutgoingCommand, { do: Do }>

/** Certain until the message is released: cancel and release append at one revision, so that one of them wins. */
const cancel = (state: OutgoingEmail): OutgoingEvent[] => {
  if (state.status === 'cancelled') return []
  if (isWaiting(state)) {
    const draft = state.unclear.length === 0 ? state.message.draft : null
    return [EmailCancelled({ ...idsOf(state), draft })]
  }
  if (!('message' in state)) throw notQueued()
  throw tooLateToCancel({
    detail: `The email can no longer be cancelled: ${inWords[state.status]}.`,
  })
}

const release = (state: OutgoingEmail, { attempt, handle, now }: CommandOf<'release'>): OutgoingEvent[] => {
  if (!isWaiting(state) || attempt !== state.attempts + 1) throw attemptSuperseded()
  if (Date.parse(now) < Date.parse(state.dueAt))
    throw notDue({ detail: `The email is not due until ${state.dueAt}.` })
  return [EmailReleased({ ...idsOf(state), attempt, handle })]
}

const recordSent = (state: OutgoingEmail, told: CommandOf<'record-sent'>): OutgoingEvent[] => {
  if (!isInAir(state, told.attempt) && !isUnclear(state, told.attempt)) return []
  const { attempt, sentAt, accepted, refused } = told
  const { template } = state.message
  return [EmailSent({ ...idsOf(state), attempt, template, sentAt, accepted, refused, evidence: 'answer' })]
}

const recordDeferred = (state: OutgoingEmail, told: CommandOf<'record-deferred'>): OutgoingEvent[] => {
  const { attempt, code, reason, released } = told
  // The answer came after all, but too late to try again on nobody's word.
  if (released && isUnknown(state, attempt))
    return [EmailFailed({ ...idsOf(state), attempt, code, reason, remedy: gaveUp.remedy, refused: [] })]
  if (released) return isInAir(state, attempt) ? deferOrGiveUp(state, told) : []
  return isNext(state, attempt) ? deferOrGiveUp(state, told) : []
}

const deferOrGiveUp = (state: Sending, told: CommandOf<'record-deferred'>): OutgoingEvent[] => {
  const { attempt, code, reason, now, chance, until } = told
  const at = retryAt({ attempt, since: state.since, now, chance, until })
  if (at !== null) return [EmailDeferred({ ...idsOf(state), attempt, code, reason, retryAt: at })]
  const last = `Tried for a day. The last answer was ${code}: ${reason}`
  return [
    EmailFailed({
      ...idsOf(state),
      attempt,
      code: gaveUp.code,
      reason: last,
      remedy: gaveUp.remedy,
      refused: [],
    }),
  ]
}

/** It is certain that the release was not followed by the word that sends it: the email goes as soon as it can. */
const putBack = (state: OutgoingEmail, { attempt, reason, now }: CommandOf<'put-back'>): OutgoingEvent[] =>
  isInAir(state, attempt)
    ? [EmailDeferred({ ...idsOf(state), attempt, code: 'not-sent', reason, retryAt: now })]
    : []

const recordFailed = (state: OutgoingEmail, told: CommandOf<'record-failed'>): OutgoingEvent[] => {
  const { attempt, code, reason, remedy, refused } = told
  const holds = told.released ? isInAir(state, attempt) || isUnknown(state, attempt) : isNext(state, attempt)
  return holds && 'message' in state
    ? [EmailFailed({ ...idsOf(state), attempt, code, reason, remedy, refused })]
    : []
}

/** The message was met in a mailbox: the server had taken it, whatever became of its answer. */
const recordFound = (state: OutgoingEmail, foundAt: string): OutgoingEvent[] => {
  if (!('unclear' in state)) return []
  const attempt = state.status === 'releasing' ? state.attempts + 1 : state.unclear.at(-1)
  if (attempt === undefined) return []
  const { template, envelope } = state.message
  const accepted = envelope.recipients
  return [
    EmailSent({
      ...idsOf(state),
      attempt,
      template,
      sentAt: foundAt,
      accepted,
      refused: [],
      evidence: 'found',
    }),
  ]
}

const settle = (state: OutgoingEmail, decision: 'send-again' | 'give-up', now: string): OutgoingEvent[] => {
  if (isWaiting(state) && state.unclear.length > 0 && decision === 'send-again') return []
  if (state.status !== 'unknown')
    throw nothingToSettle({
      detail:
        'message' in state
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
      'message' in state
        ? `There is nothing to try again: ${inWords[state.status]}.`
        : 'The email has not been sent.',
  })
}

const recordDelivered = (state: OutgoingEmail, told: CommandOf<'record-delivered'>): OutgoingEvent[] => {
  if (state.status !== 'sent' || state.delivered) return []
  if (told.basis === 'no-bounce' && state.bounces.some(({ permanent }) => permanent)) return []
  return [EmailDelivered({ ...idsOf(state), basis: told.basis, windowMinutes: told.windowMinutes })]
}

const recordBounced = (state: OutgoingEmail, told: CommandOf<'record-bounced'>): OutgoingEvent[] => {
  const { do: _, at: _at, ...bounce } = told
  // A report about it proves that the server had taken an unclear message.
  const found = recordFound(state, told.at)
  if (state.status !== 'sent' && found.length === 0) return []
  const known =
    state.status === 'sent' &&
    state.bounces.some(({ recipient, report }) => recipient === told.recipient && report === told.report)
  return known || !('message' in state) ? [] : [...found, EmailBounced({ ...idsOf(state), ...bounce })]
}

const isWaiting = (state: OutgoingEmail): state is WaitingMessage =>
  state.status === 'queued' || state.status === 'deferred'

const isNext = (state: OutgoingEmail, attempt: number): state is WaitingMessage =>
  isWaiting(state) && attempt === state.attempts + 1

const isInAir = (state: OutgoingEmail, attempt: number): state is ReleasingMessage =>
  state.status === 'releasing' && attempt === state.attempts + 1

const isUnknown = (state: OutgoingEmail, attempt: number): state is UnknownMessage =>
  state.status === 'unknown' && attempt === state.attempts

const isUnclear = (
  state: OutgoingEmail,
  attempt: number,
): state is Exclude<AfterQueueing, SentMessage | { status: 'cancelled' }> =>
  'unclear' in state && state.unclear.includes(attempt)

const requireUnqueued = (state: OutgoingEmail): void => {
  if (state.status === 'discarded') throw draftDiscarded()
  if ('message' in state && draftOf(state) === null)
    throw alreadyQueued({ detail: `This is no longer a draft: ${inWords[state.status]}.` })
}

const inWords: Record<AfterQueueing['status'], string> = {
  queued: 'it is queued',
  deferred: 'it is waiting for another attempt',
  releasing: 'it is being sent right now',
  sent: 'it has been sent',
  failed: 'it failed and was not sent',
  unknown: 'it may have been sent, but the answer of the server was lost',
  cancelled: 'it has been cancelled',
}

const idsOf = ({ message }: { readonly message: QueuedEmail }) => ({
  outgoingId: message.outgoingId,
  accountId: message.accountId,
})

export const outgoingEmail: Decider<OutgoingEmail, OutgoingCommand, OutgoingEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}

/** `outgoing-<outgoingId>` */
export const outgoingStream = (outgoingId: string): string => `outgoing-${outgoingId}`
