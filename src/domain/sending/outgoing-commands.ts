import type { Draft, ReportedRecipient } from './events.ts'
import type { QueuedEmail, Refusals } from './outgoing-state.ts'

/**
 * An attempt is reported by whoever made it. `released`: its EmailReleased is in the stream, so nobody else can report
 * it. Otherwise the report holds only if nothing else has happened in between.
 */
type OfAttempt = { readonly attempt: number; readonly released: boolean }

/** When to retry recipients that were put off: `chance` is random, `until` is what the provider asked for. */
type Again = { readonly now: string; readonly chance: number; readonly until: string | null }

export type OutgoingCommand =
  | { readonly do: 'save-draft'; readonly outgoingId: string; readonly draft: Draft }
  | { readonly do: 'discard'; readonly outgoingId: string }
  | { readonly do: 'queue'; readonly email: QueuedEmail }
  /** Whoever was to queue it has died, or comes too late from here on. */
  | { readonly do: 'abandon'; readonly outgoingId: string }
  | { readonly do: 'cancel' }
  | {
      readonly do: 'release'
      readonly attempt: number
      readonly handle: string | null
      readonly now: string
    }
  | ({
      readonly do: 'record-sent'
      readonly attempt: number
      readonly accepted: string[]
      readonly refused: Refusals
      readonly deferred: Refusals
    } & Again)
  | ({
      readonly do: 'record-deferred'
      readonly code: string
      readonly reason: string
      readonly refused: Refusals
      readonly deferred: Refusals
    } & Again &
      OfAttempt)
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
  /** A report says that this recipient has it. */
  | { readonly do: 'record-delivered'; readonly recipient: string; readonly at: string }
  /** Everything that came back until `seenUntil` has been seen. */
  | { readonly do: 'record-silence'; readonly seenUntil: string; readonly windowMinutes: number }
  | ({
      readonly do: 'record-bounced'
      readonly recipient: string | null
      readonly permanent: boolean
      readonly status: string | null
      readonly report: string
      readonly at: string
    } & Pick<ReportedRecipient, 'code' | 'diagnostic' | 'kind' | 'hard' | 'retryUntil'>)

export type CommandOf<Do extends OutgoingCommand['do']> = Extract<OutgoingCommand, { do: Do }>
