import { factsFrom, type FactList, type Facts } from '../../domain/linking/facts.ts'
import type { Subject } from '../../domain/linking/keys.ts'
import type { Links } from '../../domain/linking/links.ts'
import { match, MATCHER, type Rules } from '../../domain/linking/match.ts'
import { linksStream, messageLinks } from '../../domain/linking/message-links.ts'
import { inParallel } from '../../std/in-parallel.ts'
import { systemCaller, type Handle } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'

/** A message to be matched: where it was found, what is recorded of its links, and at which revision of that stream. */
export type ToMatch = {
  readonly subject: Subject
  readonly position: string
  readonly rules: Rules
  readonly recorded: Links
  readonly revision: number
}

/** Messages in order of position, with all the facts for them as of one position of the log. */
export type MatchBatch = {
  readonly messages: readonly ToMatch[]
  readonly facts: FactList
  readonly factsAt: string
}

/** What a batch is taken of: messages found behind `after`, up to `upTo`; with `keys`, only those that have one of them. */
export type BatchOf = {
  readonly after: string | null
  readonly upTo: string | null
  readonly keys: readonly string[] | null
  readonly limit: number
}

export type MatchDeps = {
  readonly handle: Handle
  readonly clock: Clock
  readonly isFreeMail: Facts['isFreeMail']
}

/** Appends to so many streams at once: the log takes them together. */
const AT_ONCE = 64

/**
 * Matches a batch, and records what differs from what is recorded: at the revision that the read model knows, so that a
 * stream is loaded only if it has gone on since. Returns how many messages changed.
 */
export const matchMessages =
  ({ handle, clock, isFreeMail }: MatchDeps) =>
  async ({ messages, facts: list, factsAt }: MatchBatch): Promise<number> => {
    const facts = factsFrom(list, isFreeMail)
    const record = async ({ subject, rules, recorded, revision }: ToMatch): Promise<boolean> => {
      const { messageId, accountId } = subject
      const matched = match(subject, facts, rules)
      const command = { do: 'match', messageId, accountId, ...matched, matcher: MATCHER, factsAt } as const
      if (messageLinks.decide(command, recorded).length === 0) return false
      const caller = systemCaller('linking', clock, messageId)
      const known = { state: recorded, revision, position: null }
      await handle(messageLinks, linksStream(messageId), command, caller, { known, insist: true })
      return true
    }
    const changed = await inParallel(messages, AT_ONCE, record)
    return changed.filter(Boolean).length
  }
