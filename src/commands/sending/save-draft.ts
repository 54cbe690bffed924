import type { Draft } from '../../domain/sending/events.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import { entityId, type Caller, type Handle, type Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import { findDraft } from './find-draft.ts'
import { resolveDraft, type DraftInput, type ReplyDeps } from './resolve-reply.ts'

export type SavedDraft = Handled<OutgoingEmail> & { readonly outgoingId: string; readonly draft: Draft }

/** Begins a draft. @throws NotFound if the account, or what is replied to, does not exist */
export const saveDraft =
  (deps: ReplyDeps & { handle: Handle }) =>
  async (caller: Caller, input: DraftInput, userId: string | null): Promise<SavedDraft> => {
    const outgoingId = entityId('out', caller.commandId)
    const draft = await resolveDraft(deps)(input, userId)
    const command = { do: 'save-draft', outgoingId, draft } as const
    const handled = await deps.handle(outgoingEmail, outgoingStream(outgoingId), command, caller)
    return { ...handled, outgoingId, draft }
  }

/**
 * Changes the given fields of a draft if it is still at `ifRevision`. @throws NotFound, StaleRevision, Refused
 * `already-queued`
 */
export const changeDraft =
  (deps: ReplyDeps & { handle: Handle }) =>
  async (
    caller: Caller,
    input: { outgoingId: string; changes: Partial<DraftInput>; ifRevision: IfRevision },
    userId: string | null,
  ): Promise<SavedDraft> => {
    const { outgoingId, changes, ifRevision } = input
    const { draft: before } = await findDraft(deps)(outgoingId, userId)
    const isBegun = !changes.replyTo
    const draft = await resolveDraft(deps)({ ...before, ...changes }, before.userId, isBegun)
    const command = { do: 'save-draft', outgoingId, draft } as const
    const handled = await deps.handle(outgoingEmail, outgoingStream(outgoingId), command, caller, {
      ifRevision,
    })
    return { ...handled, outgoingId, draft }
  }
