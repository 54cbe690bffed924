import { NotFound, type Decider } from '../decider.ts'
import {
  LinkDecisionUndone,
  MessageLinked,
  MessageMatched,
  MessageUnlinked,
  type Link,
  type LinkEvent,
  type RecordRef,
} from './events.ts'
import { isAmong, linksAfter, noLinks, type Links } from './links.ts'

// ---------------------------------------------------------------- commands

type OfMessage = { readonly messageId: string; readonly accountId: string }

export type LinkCommand = OfMessage &
  (
    | {
        readonly do: 'match'
        readonly links: readonly Link[]
        readonly suggestions: readonly Link[]
        readonly matcher: number
        readonly factsAt: string
      }
    | { readonly do: 'link' | 'unlink' | 'undo' | 'accept' | 'reject'; readonly record: RecordRef }
  )

// ---------------------------------------------------------------- decide

const decide = (command: LinkCommand, state: Links): LinkEvent[] => {
  const { messageId, accountId } = command
  if (command.do === 'match') {
    const { links, suggestions, matcher, factsAt } = command
    return sameLinks(links, state.links) && sameLinks(suggestions, state.suggestions)
      ? []
      : [
          MessageMatched({
            messageId,
            accountId,
            links: [...links],
            suggestions: [...suggestions],
            matcher,
            factsAt,
          }),
        ]
  }
  const { record } = command
  const data = { messageId, accountId, record }
  const isLinked = isAmong(record, state.linked)
  const isUnlinked = isAmong(record, state.unlinked)
  const isSuggested = state.suggestions.some((each) => isAmong(each.record, [record]))
  switch (command.do) {
    case 'accept':
      if (!isSuggested) throw new NotFound('suggestion')
      return isLinked ? [] : [MessageLinked(data)]
    case 'link':
      return isLinked ? [] : [MessageLinked(data)]
    case 'reject':
      if (!isSuggested) throw new NotFound('suggestion')
      return isUnlinked ? [] : [MessageUnlinked(data)]
    case 'unlink': {
      const isMatched = state.links.some((each) => isAmong(each.record, [record]))
      if (!isLinked && !isUnlinked && !isMatched && !isSuggested) throw new NotFound('link')
      return isUnlinked ? [] : [MessageUnlinked(data)]
    }
    case 'undo':
      return isLinked || isUnlinked ? [LinkDecisionUndone(data)] : []
  }
}

/** The matcher gives links in one order, so equal results are equal texts. */
const sameLinks = (a: readonly Link[], b: readonly Link[]): boolean =>
  a.length === b.length && a.every((each, index) => sameLink(each, b[index]!))

const sameLink = (a: Link, b: Link): boolean =>
  isAmong(a.record, [b.record]) &&
  a.rule === b.rule &&
  a.evidence === b.evidence &&
  a.confidence === b.confidence

export const messageLinks: Decider<Links, LinkCommand, LinkEvent> = {
  initial: noLinks,
  evolve: linksAfter,
  decide,
}

/** `links-<messageId>` */
export const linksStream = (messageId: string): string => `links-${messageId}`
