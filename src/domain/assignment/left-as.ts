import { z } from 'zod'
import type { ConversationFacts } from './pick.ts'

// As what a conversation was left unassigned, in one text, by which those are found together that were left for the same:
// under which rules, and what was known of it; nothing of what was left to people.

const rulesOnly = z.tuple([z.int()])
const withFacts = z.tuple([z.int(), z.string().nullable(), z.string().nullable(), z.string().nullable()])

/** Not left: the rules have not been asked yet. */
export const notLeft = ''

export const leftToPeople = (rulesRevision: number): string => JSON.stringify([rulesRevision])

export const leftAsNobodyAvailable = (
  rulesRevision: number,
  { territory, product, belongsTo }: ConversationFacts,
): string => JSON.stringify([rulesRevision, territory, product, belongsTo])

/** As what it was left, as nobody was available; null if it was not, or under other rules than these. */
export const leftUnder = (rulesRevision: number, leftAs: string): ConversationFacts | null => {
  if (leftAs === notLeft) return null
  const read = z.union([withFacts, rulesOnly]).parse(JSON.parse(leftAs))
  if (read.length === 1 || read[0] !== rulesRevision) return null
  const [, territory, product, belongsTo] = read
  return { territory, product, belongsTo }
}
