import type { Kysely } from 'kysely'
import { contactsOfAddress, directory, listEntries } from './entries.ts'

export const directoryProjections = [directory]

export const directoryQueries = (db: Kysely<unknown>) => ({
  readModels: { directory },
  list: listEntries(db),
  contactsOfAddress: contactsOfAddress(db),
})

export type DirectoryQueries = ReturnType<typeof directoryQueries>
