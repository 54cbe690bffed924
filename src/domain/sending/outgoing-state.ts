import type { EventOf } from '../event.ts'
import type { Draft, EmailSent, EmailQueued, OutgoingEvent, ReportedRecipient } from './events.ts'

// State and commands of an email on its way out; `outgoing-email.ts` holds the rules.

export type QueuedEmail = EventOf<typeof EmailQueued>['data']
type Refusals = EventOf<typeof EmailSent>['data']['refused']

/**
 * `attempts` have come to an end; the next one is `attempts + 1`. `since` is when the first of a row of attempts
 * fell due. `unclear` are the attempts whose answer was lost, and of which nothing was heard since.
 */
export type Sending = {
  readonly message: QueuedEmail
  readonly attempts: number
  readonly since: string
  readonly unclear: readonly number[]
}
export type WaitingMessage = Sending & { readonly status: 'queued' | 'deferred'; readonly dueAt: string }
export type SentMessage = {
  readonly status: 'sent'
  readonly message: QueuedEmail
  readonly sentAt: string
  readonly copy: 'filed' | 'found' | 'impossible' | null
  readonly delivered: boolean
  readonly bounces: readonly {
    readonly recipient: string
    readonly report: string
    readonly permanent: boolean
  }[]
}
/** `handle`: what the provider calls the email that it has ready, where it does. */
export type ReleasingMessage = Sending & { readonly status: 'releasing'; readonly handle: string | null }
export type UnknownMessage = Sending & { readonly status: 'unknown'; readonly settled: boolean }
export type OutgoingEmail =
  | { readonly status: 'none' | 'discarded' }
  | { readonly status: 'draft'; readonly draft: Draft }
  | WaitingMessage
  | ReleasingMessage
  | UnknownMessage
  | (Sending & { readonly status: 'failed' })
  | SentMessage
  | { readonly status: 'cancelled'; readonly message: QueuedEmail }

/**
 * What can be changed and queued: a draft, and what it was of an email that certainly was not sent, cancelled or failed;
 * null of all others.
 */
export const draftOf = (state: OutgoingEmail): Draft | null => {
  switch (state.status) {
    case 'draft':
      return state.draft
    case 'cancelled':
      return state.message.draft
    case 'failed':
      return state.unclear.length === 0 ? state.message.draft : null
    default:
      return null
  }
}

// ---------------------------------------------------------------- commands

/**
 * What became of an attempt is told by the one who made it. `released`: its EmailReleased is in the stream, so
 * that nobody else can speak of it; without, it only holds while nothing else has happened.
 */
type OfAttempt = { readonly attempt: number; readonly released: boolean }

export type OutgoingCommand =
  | { readonly do: 'save-draft'; readonly outgoingId: string; readonly draft: Draft }
  | { readonly do: 'discard'; readonly outgoingId: string }
  | { readonly do: 'queue'; readonly message: QueuedEmail }
  | { readonly do: 'cancel' }
  | {
      readonly do: 'release'
      readonly attempt: number
      readonly handle: string | null
      readonly now: string
    }
  | {
      readonly do: 'record-sent'
      readonly attempt: number
      readonly sentAt: string
      readonly accepted: string[]
      readonly refused: Refusals
    }
  | ({
      readonly do: 'record-deferred'
      readonly code: string
      readonly reason: string
      readonly now: string
      readonly chance: number
      /** Not before this, the provider said. */
      readonly until: string | null
    } & OfAttempt)
  | ({
      readonly do: 'record-failed'
      readonly code: string
      readonly reason: string
      readonly remedy: string
      readonly refused: Refusals
    } & OfAttempt)
  | { readonly do: 'record-unknown'; readonly attempt: number; readonly reason: string }
  | { readonly do: 'put-back'; readonly attempt: number; readonly reason: string; readonly now: string }
  | { readonly do: 'record-found'; readonly foundAt: string }
  | { readonly do: 'settle-unknown'; readonly decision: 'send-again' | 'give-up'; readonly now: string }
  | { readonly do: 'retry'; readonly now: string }
  | {
      readonly do: 'record-copy'
      readonly outcome: 'filed' | 'found' | 'impossible'
      readonly folder: string | null
    }
  | {
      readonly do: 'record-delivered'
      readonly basis: 'no-bounce' | 'report'
      readonly windowMinutes: number | null
    }
  | ({
      readonly do: 'record-bounced'
      readonly recipient: string
      readonly permanent: boolean
      readonly status: string | null
      readonly report: string
      readonly at: string
    } & Pick<ReportedRecipient, 'code' | 'diagnostic' | 'kind' | 'hard'>)

// ---------------------------------------------------------------- evolve

/** The message after one more of its events. */
export const evolve = (state: OutgoingEmail, event: OutgoingEvent): OutgoingEmail => {
  if (event.type === 'DraftSaved') return { status: 'draft', draft: event.data.draft }
  if (event.type === 'DraftDiscarded') return { status: 'discarded' }
  if (event.type === 'EmailQueued') {
    const { notBefore } = event.data
    return { message: event.data, attempts: 0, unclear: [], ...due('queued', notBefore, notBefore) }
  }
  return 'message' in state ? evolveQueued(state, event) : state
}

export type AfterQueueing = Exclude<OutgoingEmail, { status: 'none' | 'discarded' | 'draft' }>
type LaterEvent = Exclude<OutgoingEvent, { type: 'DraftSaved' | 'DraftDiscarded' | 'EmailQueued' }>

const evolveQueued = (state: AfterQueueing, event: LaterEvent): OutgoingEmail => {
  const sending = sendingOf(state)
  switch (event.type) {
    case 'EmailCancelled':
      // What a lost answer left open stays open: only the sending again was cancelled.
      return sending.unclear.length === 0
        ? { status: 'cancelled', message: state.message }
        : { ...sending, status: 'unknown', settled: true }
    case 'EmailReleased':
      return { ...sending, status: 'releasing', handle: event.data.handle }
    case 'EmailSent': {
      const { message } = state
      return { status: 'sent', message, sentAt: event.data.sentAt, copy: null, delivered: false, bounces: [] }
    }
    case 'EmailDeferred': {
      const { attempt, retryAt } = event.data
      return { ...sending, attempts: attempt, ...due('deferred', sending.since, retryAt) }
    }
    case 'EmailFailed':
      return failed(sending, event.data.attempt)
    case 'EmailOutcomeLost': {
      const { attempt } = event.data
      return {
        ...sending,
        status: 'unknown',
        attempts: attempt,
        unclear: [...sending.unclear, attempt],
        settled: false,
      }
    }
    case 'EmailOutcomeSettled': {
      const { notBefore } = event.data
      return notBefore
        ? { ...sending, ...due('queued', notBefore, notBefore) }
        : { ...sending, status: 'unknown', settled: true }
    }
    case 'EmailRetried':
      return { ...sending, ...due('queued', event.data.notBefore, event.data.notBefore) }
    case 'SentCopyFiled':
    case 'EmailDelivered':
    case 'EmailBounced':
      return state.status === 'sent' ? evolveSent(state, event) : state
  }
}

const due = <Status extends 'queued' | 'deferred'>(status: Status, since: string, dueAt: string) => ({
  status,
  since,
  dueAt,
})

/** A late answer may say of an unclear attempt that it came to nothing. */
const failed = (sending: Sending, attempt: number): OutgoingEmail => {
  const unclear = sending.unclear.filter((other) => other !== attempt)
  return { ...sending, status: 'failed', attempts: attempt, unclear }
}

const evolveSent = (
  state: SentMessage,
  event: Extract<LaterEvent, { type: 'SentCopyFiled' | 'EmailDelivered' | 'EmailBounced' }>,
): SentMessage => {
  switch (event.type) {
    case 'SentCopyFiled':
      return { ...state, copy: event.data.outcome }
    case 'EmailDelivered':
      return { ...state, delivered: true }
    case 'EmailBounced': {
      const { recipient, report, permanent } = event.data
      const bounces = [...state.bounces, { recipient, report, permanent }]
      return { ...state, bounces, delivered: state.delivered && !permanent }
    }
  }
}

const sendingOf = (state: AfterQueueing): Sending =>
  'attempts' in state
    ? { message: state.message, attempts: state.attempts, since: state.since, unclear: state.unclear }
    : { message: state.message, attempts: 0, since: state.message.notBefore, unclear: [] }
