import type { Link, LinkEvent, RecordRef } from './events.ts'

/** What the rules say of a message, and what people decided about it. */
export type Links = {
  readonly links: readonly Link[]
  readonly suggestions: readonly Link[]
  /** Version of the rules; 0 before the first result. */
  readonly matcher: number
  readonly linked: readonly RecordRef[]
  readonly unlinked: readonly RecordRef[]
}

export const noLinks: Links = { links: [], suggestions: [], matcher: 0, linked: [], unlinked: [] }

export const recordKey = ({ kind, id }: RecordRef): string => `${kind}:${id}`

export const isAmong = (record: RecordRef, records: readonly RecordRef[]): boolean =>
  records.some(({ kind, id }) => kind === record.kind && id === record.id)

const without = (records: readonly RecordRef[], gone: RecordRef): RecordRef[] =>
  records.filter((each) => !isAmong(each, [gone]))

export const linksAfter = (state: Links, event: LinkEvent): Links => {
  if (event.type === 'MessageMatched') {
    const { links, suggestions, matcher } = event.data
    return { ...state, links, suggestions, matcher }
  }
  const { record } = event.data
  const linked = without(state.linked, record)
  const unlinked = without(state.unlinked, record)
  switch (event.type) {
    case 'MessageLinked':
      return { ...state, linked: [...linked, record], unlinked }
    case 'MessageUnlinked':
      return { ...state, linked, unlinked: [...unlinked, record] }
    case 'LinkDecisionUndone':
      return { ...state, linked, unlinked }
  }
}

/** A link in force; `hand`: somebody made or confirmed it, whatever the rules say. */
export type CurrentLink = Omit<Link, 'rule'> & { readonly rule: Link['rule'] | 'hand' }

/**
 * What a message is linked to, and what is suggested: what the rules link and what people linked, without what people
 * unlinked.
 */
export const currentLinks = ({
  links,
  suggestions,
  linked,
  unlinked,
}: Links): { readonly links: CurrentLink[]; readonly suggestions: Link[] } => {
  const decided = [...linked, ...unlinked]
  const isOpen = ({ record }: Link): boolean => !isAmong(record, decided)
  const byHand = linked.map((record): CurrentLink => {
    const evidence = [...links, ...suggestions].find((each) => isAmong(each.record, [record]))?.evidence ?? ''
    return { record, rule: 'hand', evidence, confidence: 'certain' }
  })
  return { links: [...byHand, ...links.filter(isOpen)], suggestions: suggestions.filter(isOpen) }
}
