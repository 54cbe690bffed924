import type { recoverReleased as realRecover } from '../../../src/commands/sending/recover-released.ts'
import { outgoingEmail, outgoingStream } from '../../../src/domain/sending/outgoing-email.ts'

export const recoverReleased: typeof realRecover =
  ({ handle, load, clock }) =>
  async (caller, outgoingId) => {
    const stream = outgoingStream(outgoingId)
    const { state } = await load(outgoingEmail, stream)
    if (state.status !== 'sending') return 'done'
    const told = {
      code: 'killed',
      reason: 'It was killed',
      now: clock().toISOString(),
      chance: 0,
      released: true,
      until: null,
      refused: [],
      deferred: [],
    }
    await handle(
      outgoingEmail,
      stream,
      { do: 'record-deferred', attempt: state.attempts + 1, ...told },
      caller,
    )
    return 'done'
  }
