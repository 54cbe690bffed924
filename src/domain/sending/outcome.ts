import type { EventOf, RecordedEvent } from '../event.ts'
import { normaliseAddress } from '../mail.ts'
import type { EmailReplied } from '../tracking/events.ts'
import { classifyFailure, failureRemedy, type Failure, type FailureKind } from './classify-failure.ts'
import type {
  EmailBounced,
  EmailCancelled,
  EmailDeferred,
  EmailDelivered,
  EmailFailed,
  EmailOutcomeLost,
  EmailOutcomeSettled,
  EmailRetried,
  EmailSent,
} from './events.ts'
import { answerLost, gaveUp } from './refusals.ts'

// What became of an email, recipient by recipient. Read models keep `Delivery` and show what `outcomeOfEmail` says, so
// that they all agree.

/** How far sending itself has got. */
type Stage = 'waiting' | 'deferred' | 'accepted' | 'refused' | 'failed' | 'unknown' | 'cancelled'

type Bounce = Failure & { readonly at: string; readonly report: string }

/**
 * What is known about one recipient. Reports and replies are kept apart from the stage, so that the order in which they
 * arrive does not matter.
 */
type Facts = {
  readonly address: string
  readonly stage: Stage
  /** Since when it has been at this stage; null until something was tried. */
  readonly at: string | null
  readonly said?: Failure
  readonly remedy?: string
  readonly retryAt?: string
  readonly bounce?: Bounce
  /** The recipient's server keeps trying. */
  readonly delay?: Bounce & { readonly until: string }
  readonly reported?: string
  readonly silence?: string
  readonly replied?: string
}

/** `nameless`: a bounce that does not say which of several recipients it is about. */
export type Delivery = {
  readonly recipients: readonly Facts[]
  readonly unclear: readonly number[]
  readonly nameless?: Bounce
}

export const deliveryTo = (recipients: readonly string[]): Delivery => ({
  recipients: recipients.map((address) => ({ address, stage: 'waiting', at: null })),
  unclear: [],
})

type DeliveryEvent = EventOf<
  | typeof EmailCancelled
  | typeof EmailSent
  | typeof EmailDeferred
  | typeof EmailFailed
  | typeof EmailOutcomeLost
  | typeof EmailOutcomeSettled
  | typeof EmailRetried
  | typeof EmailDelivered
  | typeof EmailBounced
  | typeof EmailReplied
>

// ---------------------------------------------------------------- fold

/** What is known after one more event. */
export const told = (before: Delivery, event: RecordedEvent<DeliveryEvent>): Delivery => {
  const at = event.metadata.occurredAt
  switch (event.type) {
    case 'EmailSent':
      return { ...staged(before, sentTo(event.data)), unclear: [] }
    case 'EmailDeferred': {
      const { reason, refused, deferred, retryAt } = event.data
      const named = words(refused, deferred)
      return staged(before, (of) => {
        if (!isOpen(of)) return of
        const said = named.get(of.address) ?? inOurWords(reason)
        if (isAmong(refused, of)) return { ...restOf(of), stage: 'refused', at, said }
        return { ...restOf(of), stage: 'deferred', at, said, retryAt }
      })
    }
    case 'EmailFailed': {
      const { attempt, reason, remedy, refused } = event.data
      const named = words(refused)
      const unclear = before.unclear.filter((other) => other !== attempt)
      const after = staged(before, (of) => {
        if (!isOpen(of)) return of
        const said = named.get(of.address)
        // An attempt before it may have come to them.
        if (unclear.length > 0)
          return { ...restOf(of), stage: 'unknown', at, said: said ?? inOurWords(reason) }
        if (said) return { ...restOf(of), stage: 'refused', at, said }
        return { ...restOf(of), stage: 'failed', at, said: inOurWords(reason), remedy }
      })
      return { ...after, unclear }
    }
    case 'EmailOutcomeLost': {
      const { attempt, reason } = event.data
      return { ...openTo(before, 'unknown', at, reason), unclear: [...before.unclear, attempt] }
    }
    case 'EmailOutcomeSettled':
      return event.data.decision === 'send-again' ? openTo(before, 'waiting', at) : before
    case 'EmailRetried':
      return staged(before, (of) => (of.stage === 'accepted' ? of : { ...restOf(of), stage: 'waiting', at }))
    case 'EmailCancelled':
      return openTo(before, before.unclear.length > 0 ? 'unknown' : 'cancelled', at)
    case 'EmailDelivered': {
      const { recipients, basis } = event.data
      const key = basis === 'report' ? 'reported' : 'silence'
      return staged(before, (of) =>
        recipients.includes(of.address) ? { ...of, [key]: later(of[key], at) } : of,
      )
    }
    case 'EmailBounced':
      return bounced(before, event.data, at)
    case 'EmailReplied': {
      const from = normaliseAddress(event.data.from)
      const alone = before.recipients.length === 1
      return staged(before, (of) =>
        alone || normaliseAddress(of.address) === from
          ? { ...of, replied: earlier(of.replied, event.data.at) }
          : of,
      )
    }
  }
}

const sentTo =
  ({ sentAt, accepted, refused, deferred, retryAt }: EventOf<typeof EmailSent>['data']) =>
  (of: Facts): Facts => {
    if (accepted.includes(of.address)) return { ...restOf(of), stage: 'accepted', at: sentAt }
    const said = words(refused, deferred).get(of.address)
    if (!said || of.stage === 'accepted') return of
    if (retryAt === null || isAmong(refused, of)) return { ...restOf(of), stage: 'refused', at: sentAt, said }
    return { ...restOf(of), stage: 'deferred', at: sentAt, said, retryAt }
  }

const bounced = (before: Delivery, data: EventOf<typeof EmailBounced>['data'], at: string): Delivery => {
  const { recipient, permanent, status, code = null, diagnostic = null, report, silentUntil } = data
  const bounce: Bounce = { status, code, diagnostic, at, report }
  if (recipient === null) {
    // A temporary failure of an unnamed recipient gives nobody a reason to wait longer.
    return permanent ? { ...before, nameless: firstOf(before.nameless, bounce) } : before
  }
  const named = normaliseAddress(recipient)
  return staged(before, (of) => {
    if (normaliseAddress(of.address) !== named) return of
    if (permanent || silentUntil === null) return { ...of, bounce: firstOf(of.bounce, bounce) }
    const delay = { ...bounce, until: silentUntil }
    return { ...of, delay: of.delay && of.delay.until > delay.until ? of.delay : delay }
  })
}

const staged = (before: Delivery, change: (of: Facts) => Facts): Delivery => ({
  ...before,
  recipients: before.recipients.map(change),
})

/** The outcome is still open. */
const isOpen = ({ stage }: Facts): boolean =>
  stage === 'waiting' || stage === 'deferred' || stage === 'unknown'

const openTo = (before: Delivery, stage: Stage, at: string, reason?: string): Delivery =>
  staged(before, (of) =>
    isOpen(of)
      ? { ...restOf(of), stage, at, ...(reason === undefined ? {} : { said: inOurWords(reason) }) }
      : of,
  )

/** Everything that does not belong to the stage. */
const restOf = (facts: Facts): Omit<Facts, 'stage' | 'at' | 'said' | 'remedy' | 'retryAt'> => {
  const { stage: _stage, at: _at, said: _said, remedy: _remedy, retryAt: _retryAt, ...rest } = facts
  return rest
}

type Refusals = EventOf<typeof EmailSent>['data']['refused']

const words = (...said: readonly Refusals[]): Map<string, Failure> =>
  new Map(
    said
      .flat()
      .map(({ address, code, enhancedCode, reason }) => [
        address,
        { code, status: enhancedCode, diagnostic: reason },
      ]),
  )
const isAmong = (refusals: Refusals, { address }: Facts): boolean =>
  refusals.some((refused) => refused.address === address)
const inOurWords = (reason: string): Failure => ({ code: null, status: null, diagnostic: reason })

// Facts that may arrive in any order are merged by their content, never by their order.
const later = (one: string | undefined, other: string): string =>
  one !== undefined && one > other ? one : other
const earlier = (one: string | undefined, other: string): string =>
  one !== undefined && one < other ? one : other
const firstOf = (one: Bounce | undefined, other: Bounce): Bounce =>
  one !== undefined && `${one.at} ${one.report}` < `${other.at} ${other.report}` ? one : other

// ---------------------------------------------------------------- outcome

export const OUTCOMES = [
  'waiting',
  'deferred',
  'accepted',
  'delivered',
  'bounced',
  'refused',
  'failed',
  'unknown',
  'cancelled',
] as const
/**
 * `waiting`: not tried yet. `deferred`: put off, and retried. `accepted`: taken by the mail server, nothing known
 * since. `delivered`: a report or reply says so, or nothing came back in time although it would have been seen.
 * `bounced`: it came back. `refused`: the mail server did not take it. `failed`: not sent, for a reason not given by a
 * server. `unknown`: the answer was lost, or something came back that does not name the recipient.
 */
type OutcomeName = (typeof OUTCOMES)[number]

type RecipientOutcome = {
  readonly address: string
  readonly outcome: OutcomeName
  readonly at: string | null
  /** How delivery is known. */
  readonly basis: 'report' | 'reply' | 'engagement' | 'no-bounce' | null
  /** The next attempt, or how long the recipient's server keeps trying. */
  readonly retryAt: string | null
  readonly code: number | null
  /** Enhanced status code (RFC 3463). */
  readonly status: string | null
  /** The server's own words, or ours if no server said anything. */
  readonly diagnostic: string | null
  readonly kind: FailureKind | null
  readonly hard: boolean
  readonly remedy: string | null
}

/** Signs that somebody has it: an open or a click by a person, or a reply. */
export type Evidence = { readonly engaged: boolean; readonly replied: boolean }

export type DeliveryName =
  | 'pending'
  | 'accepted'
  | 'delivered'
  | 'bounced'
  | 'failed'
  | 'unknown'
  | 'cancelled'

/** The email as a whole. `delivered`: somebody has it. `bounced`: something came back, and probably nobody has it. */
export type EmailOutcome = {
  readonly delivery: {
    readonly status: DeliveryName
    readonly at: string | null
    readonly basis: 'answer' | NonNullable<RecipientOutcome['basis']> | null
  }
  readonly recipients: RecipientOutcome[]
}

/** What became of an email, and of each recipient of its envelope, in the order of the envelope. */
export const outcomeOfEmail = (of: Delivery, evidence: Evidence): EmailOutcome => {
  const recipients = of.recipients.map((facts) => outcomeOf(facts, of, evidence))
  return { delivery: deliveryOf(of, recipients, evidence), recipients }
}

const deliveryOf = (
  of: Delivery,
  recipients: readonly RecipientOutcome[],
  { engaged, replied }: Evidence,
): EmailOutcome['delivery'] => {
  const is = (...names: OutcomeName[]) => recipients.find(({ outcome }) => names.includes(outcome))
  const sentAt = of.recipients.reduce<string | null>(
    (first, { stage, at }) => (stage === 'accepted' && at !== null ? earlier(first ?? undefined, at) : first),
    null,
  )
  if (sentAt === null) return { status: unsent(is), at: null, basis: null }
  const has = is('delivered')
  if (has) return { status: 'delivered', at: has.at, basis: has.basis }
  if (replied) return { status: 'delivered', at: null, basis: 'reply' }
  const cameBack = of.nameless !== undefined || is('bounced') !== undefined
  const mayHave = of.recipients.some(
    ({ stage }, index) =>
      stage === 'accepted' && ['accepted', 'deferred'].includes(recipients[index]!.outcome),
  )
  if (cameBack && !mayHave) return { status: 'bounced', at: null, basis: null }
  if (engaged && of.nameless === undefined) return { status: 'delivered', at: null, basis: 'engagement' }
  return { status: 'accepted', at: sentAt, basis: 'answer' }
}

const unsent = (is: (...names: OutcomeName[]) => RecipientOutcome | undefined): DeliveryName => {
  if (is('unknown')) return 'unknown'
  if (is('waiting', 'deferred')) return 'pending'
  return is('cancelled') ? 'cancelled' : 'failed'
}

const silent = {
  basis: null,
  retryAt: null,
  code: null,
  status: null,
  diagnostic: null,
  kind: null,
  hard: false,
}

const outcomeOf = (facts: Facts, of: Delivery, { engaged }: Evidence): RecipientOutcome => {
  const { address, stage, at } = facts
  const plain = { address, ...silent, remedy: null }
  if (facts.replied !== undefined && stage === 'accepted')
    return { ...plain, outcome: 'delivered', at: facts.replied, basis: 'reply' }
  const accepted = of.recipients.filter((other) => other.stage === 'accepted')
  const bounce = facts.bounce ?? (accepted.length === 1 && stage === 'accepted' ? of.nameless : undefined)
  if (bounce) return { address, outcome: 'bounced', at: bounce.at, ...because(bounce) }
  if (facts.reported !== undefined)
    return { ...plain, outcome: 'delivered', at: facts.reported, basis: 'report' }
  if (stage !== 'accepted') return outcomeOfStage(facts)
  if (of.nameless) return { address, outcome: 'unknown', at: of.nameless.at, ...because(of.nameless) }
  const { delay, silence } = facts
  const isSilent = silence !== undefined && (delay === undefined || silence >= delay.until)
  if (isSilent) return { ...plain, outcome: 'delivered', at: silence, basis: 'no-bounce' }
  if (engaged && of.recipients.length === 1)
    return { ...plain, outcome: 'delivered', at: null, basis: 'engagement' }
  if (delay) return { address, outcome: 'deferred', at: delay.at, ...because(delay), retryAt: delay.until }
  return { ...plain, outcome: 'accepted', at }
}

const outcomeOfStage = ({ address, stage, at, said, remedy, retryAt }: Facts): RecipientOutcome => {
  const plain = { address, outcome: stage, at, ...silent }
  switch (stage) {
    case 'refused':
      return {
        address,
        outcome: stage,
        at,
        ...because(said ?? inOurWords('')),
        // It was only put off, and then given up.
        ...(said && isTemporary(said) ? { remedy: gaveUp.remedy } : {}),
      }
    case 'deferred':
      return {
        address,
        outcome: stage,
        at,
        ...because(said ?? inOurWords('')),
        retryAt: retryAt ?? null,
        remedy: 'Do nothing: it is tried again automatically.',
      }
    case 'failed':
      return { ...plain, diagnostic: said?.diagnostic ?? null, remedy: remedy ?? null }
    case 'unknown':
      return { ...plain, diagnostic: said?.diagnostic ?? null, remedy: answerLost.remedy }
    case 'waiting':
    case 'accepted':
    case 'cancelled':
      return { ...plain, remedy: null }
  }
}

const isTemporary = ({ code }: Failure): boolean => code !== null && code < 500

/** A server's answer and what follows from it. */
const because = ({ status, code, diagnostic }: Failure) => {
  const { kind, hard } = classifyFailure({ status, code, diagnostic })
  return { basis: null, retryAt: null, status, code, diagnostic, kind, hard, remedy: failureRemedy(kind) }
}
