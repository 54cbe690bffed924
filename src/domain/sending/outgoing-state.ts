import type { EventOf } from '../event.ts'
import type { Draft, EmailSent, EmailQueued, OutgoingEvent } from './events.ts'

// The state of an outgoing email; its rules are in `outgoing-email.ts`.

export type QueuedEmail = EventOf<typeof EmailQueued>['data']
export type Refusals = EventOf<typeof EmailSent>['data']['refused']

/**
 * A recipient the provider has taken. From `silentFrom` on, hearing nothing means something. `delivered` says how
 * delivery is known; null while it is not.
 */
type TakenRecipient = {
  readonly address: string
  readonly silentFrom: string
  readonly delivered: 'no-bounce' | 'report' | null
}
/** What the provider has taken of an email so far. */
type Taken = {
  readonly sentAt: string
  readonly copy: 'filed' | 'found' | 'impossible' | null
  readonly recipients: readonly TakenRecipient[]
  readonly bounces: readonly {
    readonly recipient: string | null
    readonly report: string
    readonly permanent: boolean
  }[]
}

/**
 * `attempts` counts the finished attempts; the next, number `attempts + 1`, is for the `pending` recipients. `since` is
 * when the first of the current series of attempts was due. `unclear` lists the attempts whose answer was lost and not
 * heard of since. `taken` is set once some recipients were accepted; everything else then concerns the others.
 */
export type Progress = {
  readonly email: QueuedEmail
  readonly attempts: number
  readonly since: string
  readonly unclear: readonly number[]
  readonly pending: readonly string[]
  readonly taken: Taken | null
}
export type WaitingEmail = Progress & { readonly status: 'queued' | 'deferred'; readonly dueAt: string }
/** `handle`: the provider's name for the prepared email, if it has one. */
export type SendingEmail = Progress & { readonly status: 'sending'; readonly handle: string | null }
export type UnknownEmail = Progress & { readonly status: 'unknown'; readonly settled: boolean }
export type AfterQueueing =
  | WaitingEmail
  | SendingEmail
  | UnknownEmail
  | (Progress & { readonly status: 'failed' | 'sent' | 'cancelled' })
export type OutgoingEmail =
  | { readonly status: 'none' | 'discarded' }
  | { readonly status: 'draft'; readonly draft: Draft }
  | AfterQueueing

/** The email as a whole counts as sent, although the remaining recipients are retried. */
export const isSentInPart = (state: OutgoingEmail): boolean =>
  (state.status === 'queued' || state.status === 'deferred') && state.taken !== null

/**
 * What can be changed and queued: a draft, or the draft behind an email that was cancelled or failed and certainly was
 * not sent. Null for all others.
 */
export const draftOf = (state: OutgoingEmail): Draft | null => {
  if (state.status === 'draft') return state.draft
  if (state.status === 'cancelled') return state.email.draft
  return state.status === 'failed' ? state.email.draft : null
}

/** The email after one more of its events. */
export const evolve = (state: OutgoingEmail, event: OutgoingEvent): OutgoingEmail => {
  if (event.type === 'DraftSaved') return { status: 'draft', draft: event.data.draft }
  if (event.type === 'DraftDiscarded') return { status: 'discarded' }
  if (event.type === 'EmailQueued') {
    const { notBefore, envelope } = event.data
    const fresh = { email: event.data, attempts: 0, unclear: [], pending: envelope.recipients, taken: null }
    return { ...fresh, ...due('queued', notBefore, notBefore) }
  }
  return 'email' in state ? evolveQueued(state, event) : state
}

type LaterEvent = Exclude<OutgoingEvent, { type: 'DraftSaved' | 'DraftDiscarded' | 'EmailQueued' }>

const evolveQueued = (state: AfterQueueing, event: LaterEvent): OutgoingEmail => {
  const progress = progressOf(state)
  switch (event.type) {
    case 'EmailCancelled':
      return ended(progress, 'cancelled')
    case 'EmailReleased':
      return { ...progress, status: 'sending', handle: event.data.handle }
    case 'EmailSent':
      return sent(progress, event.data)
    case 'EmailDeferred': {
      const { attempt, retryAt, refused } = event.data
      const pending = without(progress.pending, addressesOf(refused))
      return { ...progress, pending, attempts: attempt, ...due('deferred', progress.since, retryAt) }
    }
    case 'EmailFailed': {
      const { attempt } = event.data
      // A late answer may reveal that an unclear attempt failed.
      const unclear = progress.unclear.filter((other) => other !== attempt)
      return ended({ ...progress, attempts: attempt, unclear }, 'failed')
    }
    case 'EmailOutcomeLost': {
      const { attempt } = event.data
      const unclear = [...progress.unclear, attempt]
      return { ...progress, status: 'unknown', attempts: attempt, unclear, settled: false }
    }
    case 'EmailOutcomeSettled': {
      const { notBefore } = event.data
      return notBefore
        ? { ...progress, ...due('queued', notBefore, notBefore) }
        : { ...progress, status: 'unknown', settled: true }
    }
    case 'EmailRetried': {
      const { notBefore } = event.data
      const pending = state.email.envelope.recipients
      return { ...progress, pending, ...due('queued', notBefore, notBefore) }
    }
    case 'SentCopyFiled':
    case 'EmailDelivered':
    case 'EmailBounced':
      return state.taken ? { ...state, taken: evolveTaken(state.taken, event) } : state
  }
}

const due = <Status extends 'queued' | 'deferred'>(status: Status, since: string, dueAt: string) => ({
  status,
  since,
  dueAt,
})

/**
 * Nothing more is tried. What a lost answer left open stays open: that a later attempt failed says nothing of it, and leaves it
 * to a person again where nothing was taken. What was taken stays sent.
 */
const ended = (progress: Progress, as: 'failed' | 'cancelled'): OutgoingEmail => {
  const settled = as === 'cancelled' || progress.taken !== null
  if (progress.unclear.length > 0) return { ...progress, status: 'unknown', settled }
  return progress.taken ? { ...progress, pending: [], status: 'sent' } : { ...progress, status: as }
}

const sent = (
  progress: Progress,
  { attempt, sentAt, accepted, deferred, retryAt }: EventOf<typeof EmailSent>['data'],
): OutgoingEmail => {
  const before = progress.taken ?? { sentAt, copy: null, recipients: [], bounces: [] }
  const fresh = accepted.map((address) => ({ address, silentFrom: sentAt, delivered: null }))
  const after: Progress = {
    ...progress,
    attempts: attempt,
    unclear: [],
    pending: addressesOf(deferred),
    taken: { ...before, recipients: [...before.recipients, ...fresh] },
  }
  return retryAt === null
    ? { ...after, status: 'sent' }
    : { ...after, ...due('deferred', progress.since, retryAt) }
}

const evolveTaken = (
  taken: Taken,
  event: Extract<LaterEvent, { type: 'SentCopyFiled' | 'EmailDelivered' | 'EmailBounced' }>,
): Taken => {
  switch (event.type) {
    case 'SentCopyFiled':
      return { ...taken, copy: event.data.outcome }
    case 'EmailDelivered': {
      const { recipients, basis } = event.data
      return withRecipients(taken, recipients, (recipient) => ({ ...recipient, delivered: basis }))
    }
    case 'EmailBounced': {
      const { recipient, report, permanent, silentUntil } = event.data
      const bounces = [...taken.bounces, { recipient, report, permanent }]
      const named = recipient === null ? taken.recipients.map(({ address }) => address) : [recipient]
      return withRecipients({ ...taken, bounces }, named, (of) => ({
        ...of,
        silentFrom: silentUntil ?? of.silentFrom,
        // What a report proved about a recipient is only undone by a bounce that names that recipient.
        delivered: of.delivered === 'report' && !(permanent && recipient !== null) ? 'report' : null,
      }))
    }
  }
}

const withRecipients = (
  taken: Taken,
  named: readonly string[],
  change: (recipient: TakenRecipient) => TakenRecipient,
): Taken => ({
  ...taken,
  recipients: taken.recipients.map((of) => (named.includes(of.address) ? change(of) : of)),
})

const addressesOf = (refusals: Refusals): string[] => refusals.map(({ address }) => address)
const without = (all: readonly string[], some: readonly string[]): string[] =>
  all.filter((address) => !some.includes(address))

const progressOf = ({ email, attempts, since, unclear, pending, taken }: AfterQueueing): Progress => ({
  email,
  attempts,
  since,
  unclear,
  pending,
  taken,
})

export const idsOf = ({ email }: { readonly email: QueuedEmail }) => ({
  outgoingId: email.outgoingId,
  accountId: email.accountId,
})
