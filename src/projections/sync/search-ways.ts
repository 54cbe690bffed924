/** How many messages were looked at, how many of them are candidates by their words, and how many were found. */
type Seen = { readonly messages: number; readonly candidates: number; readonly found: number }

/**
 * Where to go on: among the latest messages, as many as are told; in all that are left; or message by message among the
 * few that fulfil a condition.
 */
export type Way = { readonly among: 'latest'; readonly messages: number } | { readonly among: 'rest' | 'few' }

type Left = {
  readonly seen: Seen
  /** How many messages there are, and how many of them have not been looked at; roughly. */
  readonly messages: number
  readonly rest: number
  /** How many are still to be found. */
  readonly wanted: number
  /** How many messages fulfil one of the conditions, and whether they are in the order of time; null if these are many. */
  readonly few: { readonly count: number; readonly isByTime: boolean } | null
}

/**
 * Microseconds, as measured where much of the mail is not in the database's own memory: to pass a message in the index of
 * words, to read a candidate, a text by its id, its words.
 */
const [PASSED, READ, LOOKED_UP, COMPARED] = [0.5, 20, 25, 60]
/** What is expected counts as much as so many candidates. */
const EXPECTED = 10
/** More than is expected to suffice, as it is rarely met. */
const MARGIN = 1.5

/** The way that costs least, as far as what was seen says how many of the rest have the words and are found by them. */
export const cheapestWay = ({ seen, messages, rest, wanted, few }: Left): Way => {
  const having = (seen.candidates + 0.5) / seen.messages
  const fulfilling = few === null ? 1 : Math.min(1, few.count / messages)
  const foundOfThem = (seen.found + EXPECTED * fulfilling) / (seen.candidates + EXPECTED)
  const candidates = (MARGIN * wanted) / foundOfThem
  const latest = Math.ceil(candidates / having)
  const ways: { readonly way: Way; readonly cost: number }[] = [
    { way: { among: 'latest', messages: latest }, cost: latest * PASSED + candidates * READ },
    { way: { among: 'rest' }, cost: rest * having * READ },
  ]
  if (few !== null) {
    const compared = Math.min(few.count, (MARGIN * wanted) / having)
    const lookedUp = few.isByTime ? compared : few.count
    ways.push({ way: { among: 'few' }, cost: lookedUp * LOOKED_UP + compared * COMPARED })
  }
  return ways.reduce((best, each) => (each.cost < best.cost ? each : best)).way
}
