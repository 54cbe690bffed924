import type { Facts } from './facts.ts'
import { keysOf, type Subject } from './keys.ts'
import { match, type Rules } from './match.ts'

type People = Subject['people']

const surely: Rules = { autoLink: true, byAddress: true, byName: false, byDomain: true, confirmAll: false }

const mailAmong = (people: People): Subject => ({
  messageId: '',
  accountId: '',
  people: people.map(({ address }) => ({ address, name: null })),
  references: [],
  machine: false,
  about: { contactId: null, dealId: null },
})

/** Under what the facts are found that say whether one of these people is known. */
export const keysOfPeople = (people: People): string[] => keysOf(mailAmong(people))

/**
 * Whether one of these people is known, whatever an account's rules for links are: the address is a contact's, or of
 * several; or it was assigned to a record; or its domain is a company's, and neither our own nor one at which anybody can
 * have an address. Our own addresses are nobody's.
 */
export const isAnyKnown = (people: People, facts: Facts): boolean => {
  const { links, suggestions } = match(mailAmong(people), facts, surely)
  return links.length + suggestions.length > 0
}
