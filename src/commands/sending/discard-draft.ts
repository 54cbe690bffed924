import { NotFound } from '../../domain/decider.ts'
import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import { draftOf, type OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import type { Caller, Handle, Handled, Load } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import { requireWriter } from './find-draft.ts'

/** Discards a draft; doing so again changes nothing. @throws NotFound, Refused `already-queued` */
export const discardDraft =
  (deps: { handle: Handle; load: Load }) =>
  async (
    caller: Caller,
    outgoingId: string,
    userId: string | null,
    ifRevision?: IfRevision,
  ): Promise<Handled<OutgoingEmail>> => {
    const { state } = await deps.load(outgoingEmail, outgoingStream(outgoingId))
    if (state.status === 'none') throw new NotFound('draft', outgoingId)
    const draft = 'email' in state ? state.email.draft : draftOf(state)
    if (draft) requireWriter(draft, outgoingId, userId)
    return deps.handle(outgoingEmail, outgoingStream(outgoingId), { do: 'discard', outgoingId }, caller, {
      ifRevision,
    })
  }
