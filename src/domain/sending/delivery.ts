import type { EventOf, RecordedEvent } from '../event.ts'
import { normaliseAddress } from '../mail.ts'
import type { EmailReplied } from '../tracking/events.ts'
import type { Failure } from './classify-failure.ts'
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

// What is known about the delivery of an email, recipient by recipient; `outcome.ts` says what that amounts to.

/** How far sending itself has got. */
type Stage = 'waiting' | 'deferred' | 'accepted' | 'refused' | 'failed' | 'unknown' | 'cancelled'

type Bounce = Failure & { readonly at: string; readonly report: string }

/**
 * What is known about one recipient. Reports and replies are kept apart from the stage, so that the order in which they
 * arrive does not matter.
 */
export type RecipientFacts = {
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
  readonly recipients: readonly RecipientFacts[]
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
  (of: RecipientFacts): RecipientFacts => {
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

const staged = (before: Delivery, change: (of: RecipientFacts) => RecipientFacts): Delivery => ({
  ...before,
  recipients: before.recipients.map(change),
})

/** The outcome is still open. */
const isOpen = ({ stage }: RecipientFacts): boolean =>
  stage === 'waiting' || stage === 'deferred' || stage === 'unknown'

const openTo = (before: Delivery, stage: Stage, at: string, reason?: string): Delivery =>
  staged(before, (of) =>
    isOpen(of)
      ? { ...restOf(of), stage, at, ...(reason === undefined ? {} : { said: inOurWords(reason) }) }
      : of,
  )

/** Everything that does not belong to the stage. */
const restOf = (
  facts: RecipientFacts,
): Omit<RecipientFacts, 'stage' | 'at' | 'said' | 'remedy' | 'retryAt'> => {
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
const isAmong = (refusals: Refusals, { address }: RecipientFacts): boolean =>
  refusals.some((refused) => refused.address === address)
export const inOurWords = (reason: string): Failure => ({ code: null, status: null, diagnostic: reason })

// RecipientFacts that may arrive in any order are merged by their content, never by their order.
const later = (one: string | undefined, other: string): string =>
  one !== undefined && one > other ? one : other
export const earlier = (one: string | undefined, other: string): string =>
  one !== undefined && one < other ? one : other
const firstOf = (one: Bounce | undefined, other: Bounce): Bounce =>
  one !== undefined && `${one.at} ${one.report}` < `${other.at} ${other.report}` ? one : other
