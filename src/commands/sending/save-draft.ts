import { NotFound } from '../../domain/decider.ts'
import type { Position } from '../../domain/event.ts'
import type { Draft } from '../../domain/sending/events.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import { entityId, type Caller, type Handle, type Handled, type Load } from '../handle.ts'
import { resolveDraft, type DraftInput, type ReplyNeeds } from './resolve-reply.ts'

export type SavedDraft = Handled<OutgoingEmail> & { readonly outgoingId: string; readonly draft: Draft }

/** Begins a draft. @throws NotFound where the account or the message that is replied to does not exist */
export const saveDraft =
  (deps: ReplyNeeds & { handle: Handle }) =>
  async (caller: Caller, input: DraftInput, userId: string | null): Promise<SavedDraft> => {
    const outgoingId = entityId('out', caller.commandId)
    const draft = await resolveDraft(deps)(input, userId)
    const command = { do: 'save-draft', outgoingId, draft } as const
    const handled = await deps.handle(outgoingEmail, outgoingStream(outgoingId), command, caller)
    return { ...handled, outgoingId, draft }
  }

/** Changes what is named of a draft, if it still is at `ifRevision`. @throws NotFound, StaleRevision, Refused `already-queued` */
export const changeDraft =
  (deps: ReplyNeeds & { handle: Handle }) =>
  async (
    caller: Caller,
    input: { outgoingId: string; changes: Partial<DraftInput>; ifRevision: number },
    userId: string | null,
  ): Promise<SavedDraft> => {
    const { outgoingId, changes, ifRevision } = input
    const { draft: before } = await ownDraft(deps.load, outgoingId, userId)
    const draft = await resolveDraft(deps)({ ...before, ...changes }, before.userId)
    const command = { do: 'save-draft', outgoingId, draft } as const
    const handled = await deps.handle(outgoingEmail, outgoingStream(outgoingId), command, caller, {
      ifRevision,
    })
    return { ...handled, outgoingId, draft }
  }

/** A draft that this user (null: any) may see. @throws NotFound for others', and for what is none */
export const ownDraft = async (
  load: Load,
  outgoingId: string,
  userId: string | null,
): Promise<{ draft: Draft; revision: number; position: Position | null }> => {
  const { state, revision, position } = await load(outgoingEmail, outgoingStream(outgoingId))
  if (state.status !== 'draft' || (userId !== null && state.draft.userId !== userId))
    throw new NotFound('draft', outgoingId)
  return { draft: state.draft, revision, position }
}
