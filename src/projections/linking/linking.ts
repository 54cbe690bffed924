import type { Kysely } from 'kysely'
import { linkFigures, linkedTo, linksOfMessage, listLinkRuns, listSuggestions } from './find-links.ts'
import {
  endOfNextRun,
  keysChanged,
  knownFacts,
  knownRecords,
  matchingProgress,
  nextToMatch,
} from './matching-queries.ts'
import { matching } from './matching.ts'
import { messageLinks } from './message-links.ts'

export const linkingProjections = [matching, messageLinks]

/** What can be asked about links of mail to records of the CRM, and what is to be matched. */
export const linkingQueries = (db: Kysely<unknown>) => ({
  readModels: { matching, messageLinks },
  linksOf: linksOfMessage(db),
  linkedTo,
  listSuggestions: listSuggestions(db),
  figures: linkFigures(db),
  listRuns: listLinkRuns(db),
  nextToMatch: nextToMatch(db),
  progress: matchingProgress(db),
  endOfNextRun: endOfNextRun(db),
  keysChanged: keysChanged(db),
  knownRecords: knownRecords(db),
  factsUnder: knownFacts(db),
})

export type LinkingQueries = ReturnType<typeof linkingQueries>
