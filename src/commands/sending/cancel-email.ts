import { outgoingEmail, outgoingStream } from '../../domain/sending/outgoing-email.ts'
import type { OutgoingEmail } from '../../domain/sending/outgoing-state.ts'
import { userOf, type Caller, type Handle, type Handled, type Load } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import { ownEmail } from './own-email.ts'
import type { FindAccount } from './ports.ts'

/**
 * Cancels an email, which makes it a draft again. This always works before the release and is refused as
 * `too-late-to-cancel` afterwards. There is nothing in between, since both append at the same revision.
 */
export const cancelEmail =
  (deps: { handle: Handle; load: Load; findAccount: FindAccount }) =>
  async (caller: Caller, outgoingId: string, ifRevision?: IfRevision): Promise<Handled<OutgoingEmail>> => {
    await ownEmail(deps)(outgoingId, userOf(caller))
    return deps.handle(outgoingEmail, outgoingStream(outgoingId), { do: 'cancel' }, caller, { ifRevision })
  }
