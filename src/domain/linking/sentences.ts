import type { Sentences } from '../event.ts'
import { listed } from '../words.ts'
import type { Link, LinkEvent, MatchingEvent, RecordRef, SenderEvent } from './events.ts'

const named = ({ kind, id }: RecordRef): string => `the ${kind} ${id}`
const reasons = (links: readonly Link[]): string =>
  listed(links.map(({ record, rule }) => `${named(record)} (${rule})`)) || 'nothing'

export const linkingSentences: Sentences<LinkEvent | SenderEvent | MatchingEvent> = {
  MessageMatched: ({ links, suggestions }) =>
    `The rules linked the message to ${reasons(links)}${suggestions.length === 0 ? '' : `, and suggest ${reasons(suggestions)}`}`,
  MessageLinked: ({ record }) => `Somebody linked the message to ${named(record)}`,
  MessageUnlinked: ({ record }) => `Somebody decided that the message does not belong to ${named(record)}`,
  LinkDecisionUndone: ({ record }) =>
    `The decision about ${named(record)} was undone: the rules decide again`,
  SenderAssigned: ({ address, record }) => `Mail from and to ${address} always belongs to ${named(record)}`,
  SenderUnassigned: ({ address, record }) =>
    `Mail from and to ${address} no longer always belongs to ${named(record)}`,
  NewMessagesMatched: ({ upTo }) => `New messages were matched up to position ${upTo}`,
  RelinkingProgressed: ({ examined, changed }) =>
    `Re-linking of older messages goes on: ${examined} examined, ${changed} changed`,
  RelinkingFinished: ({ examined, changed }) =>
    `Re-linking of older messages finished: ${examined} examined, ${changed} changed`,
}
