import type { FolderCounts, FolderLeft } from './events.ts'

/**
 * How far a folder has been read: `known` messages were listed so far, of `expected` ones; null as long as the mailbox
 * does not tell how many those are.
 */
export type FolderProgress = {
  readonly folder: string
  readonly known: number
  readonly expected: number | null
}

/** The progress after a set of changes with these counts. */
export const withLeft = (
  before: readonly FolderProgress[],
  counts: readonly FolderCounts[],
  left: readonly FolderLeft[] = [],
): FolderProgress[] => {
  const after = new Map(before.map((each) => [each.folder, each]))
  for (const { folder, listed } of counts) {
    const { known = 0, expected = null } = after.get(folder) ?? {}
    after.set(folder, { folder, known: known + listed, expected })
  }
  for (const { folder, count } of left) {
    const { known = 0 } = after.get(folder) ?? {}
    after.set(folder, { folder, known, expected: known + count })
  }
  return [...after.values()]
}

/** In words, such as `INBOX 400 of 5000, Sent 20`. */
export const progressInWords = (folders: readonly FolderProgress[]): string =>
  folders
    .map(({ folder, known, expected }) => `${folder} ${known}${expected === null ? '' : ` of ${expected}`}`)
    .join(', ')
