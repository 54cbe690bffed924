import type { ChangeSet, KnownPlaces, MailChange, MailFolder } from '../../commands/ports/mail-provider.ts'
import type { ImapSession } from './imap.ts'
import { refOf, uidIn } from './places.ts'
import { rangesOf } from './uid-sets.ts'
import {
  compareFlags,
  RECENT,
  scanOf,
  STRETCH,
  vanishedOf,
  type FolderPlan,
  type PlanOptions,
} from './plan.ts'

const PAGE = 1000
/** At most this many removals are reported for a folder in one run; the next run continues. */
const MOST_MISSING = 10_000

/** `complete`: everything that was to be compared has been. */
type Compared = { readonly full: boolean; readonly complete: boolean; readonly missing: readonly string[] }

/**
 * Compares what is known about the folder with what the server shows, page by page from the newest, for servers that do
 * not report changes themselves. Changed flags are reported at once; what is missing, or known under an old
 * UIDVALIDITY, later.
 */
export const compareKnown = async function* (
  session: ImapSession,
  folder: MailFolder,
  plan: FolderPlan,
  newlyListed: number,
  options: PlanOptions,
  known: KnownPlaces,
): AsyncGenerator<ChangeSet, Compared> {
  const { view } = plan
  const scan = scanOf(plan, newlyListed, options)
  if (scan === 'none')
    return { full: false, complete: true, missing: await knownVanished(known, folder.folder, plan) }
  const full = scan === 'full'
  // What this run has read has the flags it was read with, unless an earlier run had found it and died; after the first
  // reading, the next run compares.
  const unread = plan.cursor.messages === null ? null : plan.newFrom
  const end = plan.isFresh ? 0 : (unread ?? view.uidNext)
  const missing: string[] = []
  let below = full ? null : refOf(view.uidValidity, end)
  for (;;) {
    const page = await known.page(folder.folder, below, full ? PAGE : RECENT)
    const here = page.flatMap(({ ref, flags }) => {
      const uid = uidIn(ref, view.uidValidity)
      if (uid === null) missing.push(ref)
      return uid === null || uid >= end ? [] : [{ ref, uid, flags }]
    })
    const differing = compareFlags(here, await shown(session, folder.folder, here))
    missing.push(...differing.missing.map(({ ref }) => ref))
    yield* tellFlags(folder, differing.changed)
    const last = page.at(-1)
    if (!full || page.length < PAGE || last === undefined) break
    if (missing.length >= MOST_MISSING) return { full, complete: false, missing }
    below = last.ref
  }
  return { full, complete: !plan.isFresh, missing }
}

/** Those of the UIDs which the server says have vanished that are known: it may name others, even by the thousand. */
const knownVanished = async (known: KnownPlaces, path: string, plan: FolderPlan): Promise<string[]> => {
  const missing: string[] = []
  const { view } = plan
  for (const { from, to } of rangesOf(vanishedOf(plan))) {
    const first = refOf(view.uidValidity, from)
    let below = refOf(view.uidValidity, to + 1)
    for (;;) {
      const limit = Math.min(PAGE, to - from + 1)
      const page = (await known.page(path, below, limit)).map(({ ref }) => ref)
      const here = page.filter((ref) => ref >= first && uidIn(ref, view.uidValidity) !== null)
      missing.push(...here)
      const last = here.at(-1)
      if (last === undefined || here.length < limit) break
      below = last
    }
  }
  return missing
}

const shown = async (
  session: ImapSession,
  path: string,
  newestFirst: readonly { readonly uid: number }[],
) => {
  if (newestFirst.length === 0) return []
  await session.enter(path)
  return session.flags(newestFirst.map(({ uid }) => uid))
}

const tellFlags = function* (
  folder: MailFolder,
  changed: readonly { readonly known: { readonly ref: string }; readonly flags: readonly string[] }[],
): Generator<ChangeSet> {
  for (let from = 0; from < changed.length; from += STRETCH) {
    const changes = changed.slice(from, from + STRETCH).map(({ known: { ref }, flags }): MailChange => ({
      kind: 'flagged',
      placement: { ...folder, ref },
      flags,
    }))
    yield { kind: 'changes', folders: [folder], changes, cursor: null }
  }
}

/** Everything known about a folder. */
export const knownInFull = async (
  known: KnownPlaces,
  path: string,
): Promise<Pick<Compared, 'complete' | 'missing'>> => {
  const missing: string[] = []
  for (;;) {
    const page = await known.page(path, missing.at(-1) ?? null, PAGE)
    missing.push(...page.map(({ ref }) => ref))
    if (page.length < PAGE) return { complete: true, missing }
    if (missing.length >= MOST_MISSING) return { complete: false, missing }
  }
}
