import type { Kysely } from 'kysely'
import { directory } from './entries.ts'
import { contactsOfAddress, listEntries, optedOutAmong } from './find-entries.ts'

export const directoryProjections = [directory]

export const directoryQueries = (db: Kysely<unknown>) => ({
  readModels: { directory },
  list: listEntries(db),
  contactsOfAddress: contactsOfAddress(db),
  optedOutAmong: optedOutAmong(db),
})

export type DirectoryQueries = ReturnType<typeof directoryQueries>
