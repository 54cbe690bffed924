import { isSamePattern, type ExcludePattern } from '../../domain/accounts/events.ts'
import { hidingOf } from '../../domain/sync/hiding.ts'
import type { Caller } from '../handle.ts'
import { accountOf, type PatternDeps } from './apply-patterns.ts'

/** What is to be tried out on the exclude patterns that an account has. */
export type PatternChanges = {
  readonly add: readonly ExcludePattern[]
  readonly remove: readonly ExcludePattern[]
}

/** What applying the changed patterns would do; `pattern` is the one that would hide a message. */
export type PatternPreview = {
  readonly examined: number
  readonly isComplete: boolean
  readonly hidden: number
  readonly shown: number
  readonly toFetch: number
  readonly sample: readonly {
    readonly messageId: string
    readonly change: 'hide' | 'show'
    readonly pattern: ExcludePattern | null
  }[]
}

const BATCH = 1_000
const MOST_EXAMINED = 250_000
const SAMPLE = 20

/** Says what applying changed exclude patterns to what is here would do, by the same code as does it. Changes nothing. */
export const previewPatterns =
  (deps: Pick<PatternDeps, 'findAccount' | 'hideableMessages' | 'countToFetch'>) =>
  async (caller: Caller, accountId: string, { add, remove }: PatternChanges): Promise<PatternPreview> => {
    const account = await accountOf(deps, caller, accountId)
    const without = (patterns: readonly ExcludePattern[], of: readonly ExcludePattern[]) =>
      of.filter((each) => !patterns.some((other) => isSamePattern(each, other)))
    const kept = without(remove, account.settings.excludePatterns)
    const patterns = [...kept, ...without(kept, add)]
    const preview = {
      examined: 0,
      isComplete: true,
      hidden: 0,
      shown: 0,
      toFetch: await deps.countToFetch(accountId, patterns),
      sample: [] as PatternPreview['sample'][number][],
    }
    for (let after: string | null = null; ;) {
      const batch: Awaited<ReturnType<PatternDeps['hideableMessages']>> = await deps.hideableMessages(
        accountId,
        after,
        BATCH,
      )
      for (const message of batch) {
        const hiding = hidingOf(message, account.address, patterns)
        if (!hiding?.change) continue
        const { change, pattern } = hiding
        preview[change === 'hide' ? 'hidden' : 'shown']++
        if (preview.sample.length < SAMPLE) preview.sample.push({ messageId: message.id, change, pattern })
      }
      preview.examined += batch.length
      after = batch.at(-1)?.id ?? null
      if (batch.length < BATCH) return preview
      if (preview.examined >= MOST_EXAMINED) return { ...preview, isComplete: false }
    }
  }
