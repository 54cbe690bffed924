import type { ListedFolder } from '../../commands/ports/mail-provider.ts'
import type { FolderRole, FolderRoles } from '../../domain/mail.ts'
import { inParallel } from '../../std/in-parallel.ts'
import { inOurWords, isRefusal, type GraphClient } from './client.ts'
import { AT_ONCE } from './gate.ts'
import { unavailable } from './problems.ts'
import { folderPath } from './messages.ts'

/** A folder with its id, which stays when it gets another name. */
export type OutlookFolder = ListedFolder & { readonly id: string }

/** Ids of folders by their role, as far as they are known. They are those of one mailbox, and stay. */
export type KnownRoles = Map<FolderRole, string>

/** Folders that every mailbox has under a fixed name, whatever people see; `archive` may be missing. */
const WELL_KNOWN: readonly (readonly [FolderRole, string])[] = [
  ['inbox', 'inbox'],
  ['sent', 'sentitems'],
  ['drafts', 'drafts'],
  ['archive', 'archive'],
  ['junk', 'junkemail'],
  ['trash', 'deleteditems'],
]
const PAGE = 200
/** Longer paths are not genuine, but an attack on whatever indexes them. */
const LONGEST_PATH = 500

type GraphFolder = {
  readonly id: string
  readonly displayName?: string | null
  readonly parentFolderId?: string | null
  readonly '@removed'?: unknown
}
type Page = {
  readonly value?: readonly GraphFolder[]
  readonly '@odata.nextLink'?: string
}

/** All folders, however deep they lie; their paths are made of their names, with `/` between them. */
export const foldersOf = async (
  client: GraphClient,
  known: KnownRoles,
  byHand: FolderRoles,
): Promise<OutlookFolder[]> => {
  const all = new Map((await allFolders(client)).map((folder) => [folder.id, folder]))
  for (const [role, id] of known) if (!all.has(id)) known.delete(role)
  await learnRoles(client, known)
  const listed = [...all.values()].map(({ id }) => ({ id, folder: pathOf(id, all) }))
  const given = new Set(listed.flatMap(({ folder }) => byHand[folder] ?? []))
  const roles = new Map([...known].map(([role, id]) => [id, role]))
  return listed
    .filter(({ folder }) => folder.length <= LONGEST_PATH)
    .map(({ id, folder }) => {
      const own = roles.get(id) ?? null
      // What a person says about a role holds for the whole mailbox.
      const role = own !== null && own !== 'inbox' && given.has(own) ? null : own
      return { id, folder, role: byHand[folder] ?? role, opens: true }
    })
}

const allFolders = async (client: GraphClient): Promise<GraphFolder[]> => {
  const all = []
  for (let path: string | null = '/me/mailFolders/delta()'; path !== null;) {
    const page: Page = await client.get<Page>(path, { pageSize: PAGE })
    all.push(...(page.value ?? []).filter((folder) => !('@removed' in folder)))
    const next = page['@odata.nextLink']
    path = next === undefined ? null : client.pathOf(next)
    if (next !== undefined && path === null) throw unavailable('outlook-answer-unknown')
  }
  return all
}

const learnRoles = async (client: GraphClient, known: KnownRoles): Promise<void> => {
  const unknown = WELL_KNOWN.filter(([role]) => !known.has(role))
  await inParallel(unknown, AT_ONCE, async ([role, name]) => {
    try {
      const found = (await client.ask({ path: `${folderPath(name)}?$select=id` })) as { id?: string } | null
      if (found?.id !== undefined) known.set(role, found.id)
    } catch (error) {
      if (!isRefusal(error, 404)) throw inOurWords(error)
    }
  })
}

const pathOf = (id: string, all: ReadonlyMap<string, GraphFolder>): string => {
  const names: string[] = []
  const seen = new Set<string>()
  for (let at: string | null | undefined = id; at; at = all.get(at)?.parentFolderId) {
    const folder = all.get(at)
    if (folder === undefined || seen.has(at)) break
    seen.add(at)
    names.unshift((folder.displayName ?? '').replaceAll('\\', '\\\\').replaceAll('/', '\\/'))
  }
  return names.join('/')
}
