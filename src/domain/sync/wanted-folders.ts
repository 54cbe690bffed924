import { folderRole, type FolderRole } from '../mail.ts'
import { defineCode } from '../refusal.ts'

type Folder = { readonly folder: string; readonly role: FolderRole | null }

const NEVER_MEANT_BY_ALL: readonly (FolderRole | null)[] = ['junk', 'trash']

/**
 * The wanted folders of a mailbox, each once: first those wanted by role, in the order of the roles, then those wanted
 * by path. If a mailbox has no folder for all mail, that means all its folders except Junk and Trash. `missing` lists
 * the roles and paths without a folder.
 */
export const wantedFolders = <F extends Folder>(
  listed: readonly F[],
  wanted: readonly string[],
): { readonly chosen: readonly F[]; readonly missing: readonly string[] } => {
  const chosen = new Set<F>()
  const missing: string[] = []
  for (const each of inOrder(wanted)) {
    const found = foldersFor(listed, each)
    if (found.length === 0) missing.push(each)
    for (const folder of found) chosen.add(folder)
  }
  return { chosen: [...chosen], missing }
}

const isRole = (wanted: string): boolean => folderRole.safeParse(wanted).success

const inOrder = (wanted: readonly string[]): Set<string> =>
  new Set([
    ...folderRole.options.filter((role) => wanted.includes(role)),
    ...wanted.filter((each) => !isRole(each)),
  ])

const foldersFor = <F extends Folder>(listed: readonly F[], wanted: string): readonly F[] => {
  if (!isRole(wanted)) return listed.filter(({ folder }) => folder === wanted)
  const withRole = listed.filter(({ role }) => role === wanted)
  return wanted === 'all' && withRole.length === 0
    ? listed.filter(({ role }) => !NEVER_MEANT_BY_ALL.includes(role))
    : withRole
}

/** Whether a folder with this path and role is wanted. */
export const isWanted = ({ folder, role }: Folder, wanted: readonly string[]): boolean =>
  wanted.includes(folder) || (role !== null && wanted.includes(role)) || wanted.includes('all')

const chosenFolderMissing = defineCode('chosen-folder-missing', {
  title: 'Chosen folder missing',
  meaning:
    'The account is set to sync a folder that the mailbox does not have. The other folders were synced.',
  remedy:
    "Look at the account's folders: choose one that exists, or assign the missing role to one of them (`folderRoles`).",
})

/** What there is to say of roles and paths that name no folder. */
export const missingFoldersOf = (wanted: readonly string[]) => {
  const { code, remedy } = chosenFolderMissing
  return { code, detail: `The mailbox has no such folder: ${wanted.join(', ')}`, remedy }
}
