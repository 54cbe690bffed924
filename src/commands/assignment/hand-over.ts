import { Refused } from '../../domain/refusal.ts'
import type { Caller } from '../handle.ts'
import { NotCaughtUp } from '../outage.ts'
import type { AssignmentDeps } from './ports.ts'

type HandOverDeps = Pick<AssignmentDeps, 'heldBy' | 'handTo' | 'caughtUp'>

const BATCH = 200

/**
 * Gives all conversations of an account that are a user's, closed ones apart, to another one. If that one may not answer
 * them, they stay: whoever has no access any more loses them to the backlog.
 * @throws NotCaughtUp
 */
export const handOverConversations =
  ({ heldBy, handTo, caughtUp }: HandOverDeps) =>
  async (
    caller: Caller,
    { accountId, from, to }: { readonly accountId: string; readonly from: string; readonly to: string },
  ): Promise<void> => {
    const handed = new Set<string>()
    for (;;) {
      if (!(await caughtUp())) throw new NotCaughtUp()
      const held = (await heldBy(accountId, from, false, BATCH)).filter((id) => !handed.has(id))
      if (held.length === 0) return
      for (const id of held) {
        handed.add(id)
        await handTo(caller, id, to).catch((error: unknown) => {
          if (!(error instanceof Refused)) throw error
        })
      }
    }
  }
