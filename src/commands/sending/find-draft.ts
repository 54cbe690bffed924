import { NotFound } from '../../domain/decider.ts'
import type { Position } from '../../domain/event.ts'
import type { Draft } from '../../domain/sending/events.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import { draftOf, type OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import type { Load } from '../handle.ts'

/** A draft, or the draft behind a cancelled or failed email, if this user (null: any) may see it. @throws NotFound */
export const findDraft =
  (deps: { load: Load }) =>
  async (
    outgoingId: string,
    userId: string | null,
  ): Promise<{ draft: Draft; revision: number; position: Position | null }> => {
    const { state, revision, position } = await deps.load(outgoingEmail, outgoingStream(outgoingId))
    return { draft: requiredDraft(state, outgoingId, userId), revision, position }
  }

/** @throws NotFound if it is somebody else's, or not a draft */
export const requiredDraft = (state: OutgoingEmail, outgoingId: string, userId: string | null): Draft => {
  const draft = draftOf(state)
  if (!draft) throw new NotFound('draft', outgoingId)
  requireWriter(draft, outgoingId, userId)
  return draft
}

/** Drafts of others do not exist for a user, nor is told what became of them. @throws NotFound */
export const requireWriter = (draft: Draft, outgoingId: string, userId: string | null): void => {
  if (userId !== null && draft.userId !== userId) throw new NotFound('draft', outgoingId)
}
