import type {
  FolderCounts,
  RunExclusion,
  RunFailure,
  WhyNotHere,
  WithheldMessage,
} from '../../domain/sync/events.ts'
import { placeKey } from './run.ts'
import type { Outcome } from './store-messages.ts'

const REASONS: Record<WhyNotHere, string> = {
  withheld: 'The mailbox lists the message but does not hand it out',
  'too-large': 'The message is larger than Mailtrail takes; it stays in the mailbox',
  'not-stored':
    'The message could not be stored because of a fault in Mailtrail; it is tried again automatically',
}

/** What became of a set of changes, folder by folder. */
export type Tally = {
  readonly folders: FolderCounts[]
  readonly failures: RunFailure[]
  readonly exclusions: RunExclusion[]
}

/** Counts what became of the messages listed in these folders. `withheld` are those among them that were withheld. */
export const tallyOf = (
  folders: readonly string[],
  outcomes: readonly Outcome[],
  withheld: ReadonlyMap<string, WithheldMessage>,
) => {
  const byFolder = new Map(folders.map((folder) => [folder, noCounts(folder)]))
  const failures: RunFailure[] = []
  const exclusions: RunExclusion[] = []
  const of = (folder: string): FolderCounts => {
    const counts = byFolder.get(folder) ?? noCounts(folder)
    byFolder.set(folder, counts)
    return counts
  }
  for (const outcome of outcomes) {
    const { folder, role, ref } = outcome.placement
    const counts = of(folder)
    counts.listed++
    if (outcome.became === 'withheld') {
      counts.failed++
      const attempts = withheld.get(placeKey(outcome.placement))?.attempts ?? 1
      failures.push({ folder, ref, reason: REASONS[outcome.why], attempts })
      continue
    }
    counts[outcome.became]++
    if (outcome.became === 'stored') counts[outcome.as === 'draft' ? 'drafts' : outcome.as]++
    if (outcome.became === 'excluded') exclusions.push({ folder, role, ref, ...outcome.exclusion })
    if (outcome.became === 'failed') {
      const { reason, attempts, messageId } = outcome
      failures.push({ folder, ref, reason, attempts, messageId })
    }
  }
  return {
    flagsChanged: (folder: string): void => void of(folder).flagsChanged++,
    removed: (folder: string): void => void of(folder).removed++,
    result: (): Tally => ({ folders: [...byFolder.values()], failures, exclusions }),
  }
}

const noCounts = (folder: string): FolderCounts => ({
  folder,
  listed: 0,
  stored: 0,
  known: 0,
  excluded: 0,
  failed: 0,
  flagsChanged: 0,
  removed: 0,
  sent: 0,
  received: 0,
  drafts: 0,
})
