import { folderRole } from '../../domain/mail.ts'
import type { FolderCounts, FolderCursor } from '../../domain/sync/events.ts'
import {
  afterAttempt,
  afterUnrecorded,
  historyStretches,
  newMailStretches,
  planFolder,
  type FolderPlan,
  type Stretch,
} from '../../domain/sync/plan.ts'
import type { RunTrouble } from '../../domain/sync/sync-run.ts'
import { MailUnavailable, type MailboxSession, type MailFolder } from '../ports/mail-provider.ts'
import { compareFolder, forgetFolder, GONE, removeMissing, type Comparison } from './compare-folder.ts'
import type { SyncDeps } from './ports.ts'
import { troubleOf, type Run } from './run.ts'
import { noCounts, readStretch } from './read-stretch.ts'

const DAY_MS = 86_400_000
/** Longer names of folders are no folders, but an attack on what has to index them. */
const LONGEST_PATH = 500

/**
 * Reads the chosen folders one after the other: new mail, then history, then flags. Removals are recorded when all have
 * been read, so that a message which was moved has its new place by then. A folder that cannot be opened does not keep
 * the others from being read; the run fails with it.
 */
export const readMailbox =
  (deps: SyncDeps) =>
  async (run: Run, session: MailboxSession): Promise<{ trouble: RunTrouble | null; unchanged: string[] }> => {
    const comparisons: Comparison[] = []
    let trouble: RunTrouble | null = null
    const listed = await session.folders()
    for (const folder of chosen(listed, run)) {
      const compared = await unlessClosed(() => readFolder(deps, run, session, folder))
      if (compared instanceof MailUnavailable)
        trouble ??= { ...troubleOf(compared), detail: `${compared.message}: ${folder.path}` }
      else comparisons.push(compared)
    }
    const paths = new Set(listed.map(({ path }) => path))
    for (const cursor of run.cursors.values())
      if (
        !paths.has(cursor.folder) &&
        cursor.uidValidity !== GONE &&
        (await isClosed(session, cursor.folder))
      )
        comparisons.push(await forgetFolder(deps)(run.account.accountId, cursor))
    const unchanged: string[] = []
    for (const comparison of comparisons)
      if (!(await recordComparison(deps, run, comparison))) unchanged.push(comparison.cursor.folder)
    return { trouble, unchanged }
  }

const roles = folderRole.options

/** The folders with the roles that the account's settings name, the inbox first. */
const chosen = (listed: readonly MailFolder[], { account }: Run): MailFolder[] =>
  roles
    .filter((role) => account.settings.folders.includes(role))
    .flatMap((role) => listed.filter((folder) => folder.role === role && folder.path.length <= LONGEST_PATH))

const unlessClosed = async <T>(work: () => Promise<T>): Promise<T | MailUnavailable> => {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MailUnavailable && error.code === 'folder-unavailable') return error
    throw error
  }
}

/** A folder that is not listed may be there all the same. */
const isClosed = async (session: MailboxSession, path: string): Promise<boolean> =>
  (await unlessClosed(() => session.open(path))) instanceof MailUnavailable

const readFolder = async (
  deps: SyncDeps,
  run: Run,
  session: MailboxSession,
  { path, role }: MailFolder,
): Promise<Comparison> => {
  const { account, caller, signal } = run
  const view = { folder: path, role, ...(await session.open(path)) }
  const now = deps.clock()
  const { historyDays } = account.settings
  const planned = planFolder(run.cursors.get(path), view, {
    windowStart: historyDays === null ? null : new Date(now.getTime() - historyDays * DAY_MS).toISOString(),
    now: now.toISOString(),
    requested: run.trigger === 'request',
  })
  const at = { accountId: account.accountId, folder: path, uidValidity: view.uidValidity }
  const [newest] = planned.newFrom === null ? [] : await deps.known.below(at, view.uidNext, 1)
  const plan = afterUnrecorded(planned, newest?.uid ?? null)
  const read = stretchReader(deps, run, session, plan)
  if (plan.retry.length > 0) await read({ uids: plan.retry, cursor: plan.cursor })
  const since = plan.newFrom
  const fresh = newMailStretches(plan, since === null ? [] : await session.list({ from: since, since: null }))
  for (const stretch of fresh) await read(stretch)
  if (plan.history) {
    const start = plan.history.since
    const uids = await session.list({ from: 1, since: start === null ? null : new Date(start) })
    const base = fresh.at(-1)?.cursor ?? plan.cursor
    for (const stretch of historyStretches(plan, base, uids)) await read(stretch)
  }
  const newlyListed = fresh.reduce((sum, { uids }) => sum + uids.length, 0)
  const state = {
    accountId: account.accountId,
    cursor: read.cursor(),
    newlyListed,
    now: now.toISOString(),
  }
  return compareFolder(deps)(caller, session, plan, state, signal)
}

/** Reads and records stretch by stretch: a cursor is never recorded before its messages are stored. */
const stretchReader = (
  deps: SyncDeps,
  run: Run,
  session: MailboxSession,
  { view, cursor: start }: FolderPlan,
) => {
  const { account, caller, signal } = run
  const { folder, role, uidValidity } = view
  let current = start
  const read = async ({ uids, cursor }: Stretch): Promise<void> => {
    signal.throwIfAborted()
    const attemptsOf = (uid: number) => current.retry.find((each) => each.uid === uid)?.attempts ?? 0
    const at = { account, session, folder: { folder, role, uidValidity } }
    const result = await readStretch(deps)(caller, at, uids, attemptsOf, signal)
    const { counts, failures, exclusions, missed, settled } = result
    current = { ...cursor, retry: afterAttempt(current.retry, missed, settled) }
    await record(run, current, counts, { failures, exclusions })
  }
  return Object.assign(read, { cursor: () => current })
}

const record = async (
  run: Run,
  cursor: FolderCursor,
  counts: FolderCounts,
  named: Pick<Parameters<Run['tell']>[0] & { do: 'record' }, 'failures' | 'exclusions'> = {
    failures: [],
    exclusions: [],
  },
): Promise<void> => {
  run.signal.throwIfAborted()
  await run.tell({ do: 'record', cursor, counts, ...named })
  run.cursors.set(cursor.folder, cursor)
}

/** @returns false where there was nothing to record */
const recordComparison = async (deps: SyncDeps, run: Run, comparison: Comparison): Promise<boolean> => {
  const { cursor, flagsChanged } = comparison
  run.signal.throwIfAborted()
  const removed = await removeMissing(deps)(run.caller, comparison)
  const before = run.cursors.get(cursor.folder)
  if (flagsChanged + removed === 0 && JSON.stringify(before) === JSON.stringify(cursor)) return false
  await record(run, cursor, { ...noCounts(cursor.folder), flagsChanged, removed })
  return true
}
