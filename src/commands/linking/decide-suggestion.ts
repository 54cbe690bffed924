import type { RecordRef } from '../../domain/linking/events.ts'
import type { Links } from '../../domain/linking/links.ts'
import type { Caller, Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import { assignSender } from './assign-sender.ts'
import { decideLink, type DecideDeps } from './decide-link.ts'

export type DecideSuggestionDeps = DecideDeps & {
  /** Who wrote a message, or whom an email of ours was written to. */
  readonly correspondentOf: (messageId: string) => Promise<string | null>
}

/**
 * Accepts or rejects what the rules suggest. `alwaysForSender`: and has mail from and to whoever wrote the message always
 * belong to the record; once the suggestion is decided, so that a repeat completes it. @throws NotFound
 */
export const decideSuggestion =
  (deps: DecideSuggestionDeps) =>
  async (
    caller: Caller,
    { messageId, record }: { readonly messageId: string; readonly record: RecordRef },
    {
      decision,
      alwaysForSender,
    }: { readonly decision: 'accept' | 'reject'; readonly alwaysForSender: boolean },
    ifRevision?: IfRevision,
  ): Promise<Handled<Links>> => {
    const handled = await decideLink(deps)(caller, messageId, decision, record, ifRevision)
    const address = alwaysForSender ? await deps.correspondentOf(messageId) : null
    if (address !== null) await assignSender(deps)(caller, 'assign', address, record)
    return handled
  }
