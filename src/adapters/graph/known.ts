import type { ChangeSet, KnownPlaces, MailChange, MailFolder } from '../../commands/ports/mail-provider.ts'
import { inParallel } from '../../std/in-parallel.ts'
import type { Listed } from './messages.ts'

const AT_ONCE = 8
const PAGE = 1000
/** A set of changes has at most these. */
const SET = 200

/** The flags of those of these messages that are known to be in the folder. */
export const knownAmong = async (
  known: KnownPlaces,
  folder: string,
  refs: readonly string[],
): Promise<Map<string, readonly string[]>> => {
  const found = new Map<string, readonly string[]>()
  await inParallel(refs, AT_ONCE, async (ref) => {
    // No reference has a blank in it, so that none lies between the two.
    const [place] = await known.page(folder, `${ref} `, 1)
    if (place?.ref === ref) found.set(ref, place.flags)
  })
  return found
}

/** All that is known of a folder, page by page. */
export const allKnown = async function* (
  known: KnownPlaces,
  folder: string,
): AsyncGenerator<readonly { readonly ref: string; readonly flags: readonly string[] }[]> {
  for (let below: string | null = null; ;) {
    const page = await known.page(folder, below, PAGE)
    if (page.length > 0) yield page
    if (page.length < PAGE) return
    below = page.at(-1)?.ref ?? null
  }
}

/** What there is to tell of a message: that it is there, that its flags are others, or nothing. */
export const changeOf = (
  folder: MailFolder,
  { ref, flags }: Listed,
  before: readonly string[] | undefined,
): MailChange[] => {
  const placement = { ...folder, ref }
  if (before === undefined) return [{ kind: 'added', placement }]
  return before.join('\n') === flags.join('\n') ? [] : [{ kind: 'flagged', placement, flags }]
}

export const setsOf = (folder: MailFolder, changes: readonly MailChange[]): ChangeSet[] =>
  Array.from({ length: Math.ceil(changes.length / SET) }, (_, index) => ({
    kind: 'changes',
    folders: [folder],
    changes: changes.slice(index * SET, (index + 1) * SET),
    cursor: null,
  }))
