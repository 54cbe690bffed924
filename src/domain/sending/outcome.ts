import { classifyFailure, failureRemedy, type Failure, type FailureKind } from './classify-failure.ts'
import { earlier, inOurWords, type Delivery, type RecipientFacts } from './delivery.ts'
import { answerLost, gaveUp } from './refusals.ts'

// What became of an email, recipient by recipient. Read models keep `Delivery` and show what `outcomeOfEmail` says, so
// that they all agree.

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

const outcomeOf = (facts: RecipientFacts, of: Delivery, { engaged }: Evidence): RecipientOutcome => {
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

const outcomeOfStage = ({ address, stage, at, said, remedy, retryAt }: RecipientFacts): RecipientOutcome => {
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
