import type { Kysely } from 'kysely'
import { contactOfAddress, directory, listEntries } from './entries.ts'

export const directoryProjections = [directory]

export const directoryQueries = (db: Kysely<unknown>) => ({
  readModels: { directory },
  list: listEntries(db),
  contactOfAddress: contactOfAddress(db),
})

export type DirectoryQueries = ReturnType<typeof directoryQueries>
