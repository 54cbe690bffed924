import { findEntry } from './find-entry.ts'
import { importRecords, type ImportDeps } from './import-records.ts'
import { mergeContacts } from './merge-contacts.ts'
import { putEntry } from './put-entry.ts'
import { removeEntry } from './remove-entry.ts'

export type DirectoryDeps = ImportDeps

/** What can be done with the CRM's own records. */
export const directoryCommands = (deps: DirectoryDeps) => ({
  put: putEntry(deps),
  remove: removeEntry(deps),
  find: findEntry(deps),
  merge: mergeContacts(deps),
  import: importRecords(deps),
})

export type DirectoryCommands = ReturnType<typeof directoryCommands>
