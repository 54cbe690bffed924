import type { ChangesQuery, MailFolder } from '../../commands/ports/mail-provider.ts'
import type { GraphClient } from './client.ts'
import type { FolderCursor } from './cursor.ts'
import type { OutlookFolder } from './folders.ts'
import type { Listed } from './messages.ts'

/** The messages of the set that was told last, so that their bytes are all that is left to ask for. */
export type Seen = Map<string, Listed & { readonly folder: string }>

/** A folder while it is read. `at` is how far, `recorded` what was told of that; `gone` is told when all folders are read. */
export type Reading = {
  readonly client: GraphClient
  readonly folder: MailFolder
  readonly id: string
  readonly query: ChangesQuery
  readonly seen: Seen
  at: FolderCursor
  /** Nothing was known of it when this run began. */
  isNew: boolean
  recorded: string | null
  /** How many messages are still to be listed; null where that is not known. */
  left: number | null
  readonly gone: Set<string>
  /** What was told to be there. */
  readonly told: Set<string>
}

/** A folder of which nothing is read. */
export const freshCursor = (
  { id, role }: Pick<OutlookFolder, 'id' | 'role'>,
  { since, now }: ChangesQuery,
  isCompared: boolean,
): FolderCursor => ({
  id,
  role,
  since: since?.toISOString() ?? null,
  link: null,
  isListing: true,
  oldest: null,
  listed: 0,
  rest: null,
  isCompared,
  comparedAt: isCompared ? now.toISOString() : null,
})
