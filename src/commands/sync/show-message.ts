import { excludedBy } from '../../domain/sync/exclusion.ts'
import type { Hideable } from '../../domain/sync/hiding.ts'
import { patternRuns, patternsStream } from '../../domain/sync/pattern-run.ts'
import { presence, presenceStream, type Presence } from '../../domain/sync/presence.ts'
import type { Caller, Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import { findMet, type FindMetDeps } from './find-met.ts'
import type { SyncDeps } from './ports.ts'

export type ShowDeps = FindMetDeps &
  Pick<SyncDeps, 'handle'> & {
    /** As exclude patterns look at it; null for what they never hide. */
    readonly hideableMessage: (messageId: string) => Promise<Hideable | null>
  }

/** Shows a message that an exclude pattern hides: from now on no pattern hides it. */
export const showMessage =
  (deps: ShowDeps) =>
  async (caller: Caller, id: string, ifRevision?: IfRevision): Promise<Handled<Presence>> => {
    const { of } = await findMet(deps)(caller, id)
    return deps.handle(presence, presenceStream(of.messageId), { do: 'show', of }, caller, { ifRevision })
  }

/** Undoes that: the patterns that were applied last decide again. */
export const undoShowMessage =
  (deps: ShowDeps) =>
  async (caller: Caller, id: string, ifRevision?: IfRevision): Promise<Handled<Presence>> => {
    const { of, account } = await findMet(deps)(caller, id)
    const { run, applied } = (await deps.load(patternRuns, patternsStream(account.accountId))).state
    const met = await deps.hideableMessage(of.messageId)
    const pattern = met && excludedBy((run ?? applied).patterns, { ...met, ownAddress: account.address })
    const command = { do: 'follow-patterns', of, pattern, byHand: true } as const
    return deps.handle(presence, presenceStream(of.messageId), command, caller, { ifRevision })
  }
