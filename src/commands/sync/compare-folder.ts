import type { FolderCursor, Placement } from '../../domain/sync/events.ts'
import { message, messageStream, type MessageCommand } from '../../domain/sync/message.ts'
import { compareFlags, RECENT, scanOf, type FolderPlan, type KnownPlacement } from '../../domain/sync/plan.ts'
import type { Caller } from '../handle.ts'
import type { MailboxSession } from '../ports/mail-provider.ts'
import type { SyncDeps } from './ports.ts'
import { tell } from './store-message.ts'

const PAGE = 1000
/** So many removals at most are noted in one run of a folder; the next one goes on. */
const MOST_MISSING = 10_000
const AT_ONCE = 50

/** What a look at a folder's flags came to. `missing` is recorded when all folders have been read. */
export type Comparison = {
  readonly cursor: FolderCursor
  readonly flagsChanged: number
  readonly missing: readonly (KnownPlacement & { readonly placement: Placement })[]
}

type CompareDeps = Pick<SyncDeps, 'known' | 'load' | 'handle' | 'clock'>

/**
 * Compares what is known of the opened folder with what the server shows, page by page from the newest, for servers that
 * tell of no changes themselves. Changed flags are recorded at once.
 */
export const compareFolder =
  (deps: CompareDeps) =>
  async (
    caller: Caller,
    session: MailboxSession,
    plan: FolderPlan,
    {
      accountId,
      cursor,
      newlyListed,
      now,
    }: { accountId: string; cursor: FolderCursor; newlyListed: number; now: string },
    signal: AbortSignal,
  ): Promise<Comparison> => {
    const { view } = plan
    const at = { accountId, folder: view.folder, uidValidity: view.uidValidity }
    const full = scanOf(plan, newlyListed, now) === 'full'
    const missing: KnownPlacement[] = full ? await knownOfOld(deps, at) : []
    let flagsChanged = 0
    // What this very run has read has the flags that it was read with, unless a former one had met it and died;
    // after a first reading, the next run compares.
    const unread = plan.cursor.messages === null ? null : plan.newFrom
    let below = plan.isFresh ? 0 : (unread ?? view.uidNext)
    while (below > 1 && missing.length < MOST_MISSING) {
      signal.throwIfAborted()
      const page = await deps.known.below(at, below, full ? PAGE : RECENT)
      const [newest, oldest] = [page[0], page.at(-1)]
      if (!newest || !oldest) break
      const found = await session.flags({ from: oldest.uid, to: newest.uid })
      const differing = compareFlags(page, found)
      flagsChanged += await tellAll(deps, caller, differing.changed, ({ known, flags }) => ({
        messageId: known.messageId,
        command: { do: 'change-flags', placement: placementOf(view, known), flags },
      }))
      missing.push(...differing.missing)
      if (!full || page.length < PAGE) break
      below = oldest.uid
    }
    const all = !plan.isFresh && missing.length < MOST_MISSING
    return {
      cursor: {
        ...cursor,
        messages: all ? view.messages : null,
        scannedAt: full && all ? now : cursor.scannedAt,
      },
      flagsChanged,
      missing: missing.map((known) => ({ ...known, placement: placementOf(view, known) })),
    }
  }

/** Everything that is known of a folder which is not there any more. */
export const forgetFolder =
  (deps: CompareDeps) =>
  async (accountId: string, cursor: FolderCursor): Promise<Comparison> => {
    const { folder, role } = cursor
    const missing = await knownOfOld(deps, { accountId, folder, uidValidity: GONE })
    const all = missing.length < MOST_MISSING
    return {
      cursor: {
        ...cursor,
        uidValidity: all ? GONE : cursor.uidValidity,
        backfilledTo: null,
        backfillDone: false,
        retry: [],
        messages: null,
        scannedAt: null,
      },
      flagsChanged: 0,
      missing: missing.map((known) => ({ ...known, placement: placementOf({ folder, role }, known) })),
    }
  }

/** Stands for the UIDVALIDITY of a folder that is not there. */
export const GONE = 'gone'

const knownOfOld = async (
  { known }: CompareDeps,
  folder: { accountId: string; folder: string; uidValidity: string },
): Promise<KnownPlacement[]> => {
  const found: KnownPlacement[] = []
  for (;;) {
    const page = await known.ofOld(folder, found.at(-1) ?? null, PAGE)
    found.push(...page)
    if (page.length < PAGE || found.length >= MOST_MISSING) return found
  }
}

const placementOf = (
  { folder, role }: Pick<Placement, 'folder' | 'role'>,
  { uidValidity, uid }: KnownPlacement,
): Placement => ({ folder, role, uidValidity, uid })

/** Records that messages lie no more where they were known to lie. @returns how many that was news of */
export const removeMissing =
  (deps: CompareDeps) =>
  (caller: Caller, { missing }: Comparison): Promise<number> =>
    tellAll(deps, caller, missing, ({ messageId, placement }) => ({
      messageId,
      command: { do: 'remove', placement },
    }))

/** Runs commands on messages, some at once. What is known may lag, so the stream is asked first. @returns how many did something */
const tellAll = async <Item>(
  deps: CompareDeps,
  caller: Caller,
  items: readonly Item[],
  toCommand: (item: Item) => { messageId: string; command: MessageCommand },
): Promise<number> => {
  let told = 0
  for (let from = 0; from < items.length; from += AT_ONCE)
    await Promise.all(
      items.slice(from, from + AT_ONCE).map(async (item) => {
        const { messageId, command } = toCommand(item)
        const { state } = await deps.load(message, messageStream(messageId))
        if (state.status === 'none' || message.decide(command, state).length === 0) return
        await tell(deps, caller, messageId, command)
        told++
      }),
    )
  return told
}
