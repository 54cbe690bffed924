import { factsFrom, type Facts } from '../../domain/linking/facts.ts'
import type { MatchBatch, ToMatch } from '../../domain/linking/match-batch.ts'
import { match, MATCHER } from '../../domain/linking/match.ts'
import { linksStream, messageLinks } from '../../domain/linking/message-links.ts'
import { inParallel } from '../../std/in-parallel.ts'
import { systemCaller, type Handle } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'

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
