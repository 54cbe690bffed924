import { NotFound } from '../../domain/decider.ts'
import type { Position } from '../../domain/event.ts'
import type { Draft } from '../../domain/sending/events.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { Load } from '../handle.ts'

/** A draft that this user (null: any) may see. @throws NotFound for others', and for what is none */
export const findDraft =
  (deps: { load: Load }) =>
  async (
    outgoingId: string,
    userId: string | null,
  ): Promise<{ draft: Draft; revision: number; position: Position | null }> => {
    const { state, revision, position } = await deps.load(outgoingEmail, outgoingStream(outgoingId))
    if (state.status !== 'draft' || (userId !== null && state.draft.userId !== userId))
      throw new NotFound('draft', outgoingId)
    return { draft: state.draft, revision, position }
  }
