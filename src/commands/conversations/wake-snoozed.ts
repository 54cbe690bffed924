import type { Handle, Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import { pageByPage } from '../to-do-work.ts'
import { standingConversation } from './change-conversation.ts'
import { tellConversation } from './tell-conversation.ts'

export type WakeDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly clock: Clock
  readonly dueSnoozes: (now: Date, limit: number) => Promise<readonly { readonly id: string }[]>
}

const PAGE = 100

/** Opens snoozed conversations again that are due. */
export const wakeSnoozed = (deps: WakeDeps) => {
  const tell = tellConversation(deps, 'snoozed conversations')
  return pageByPage(
    PAGE,
    (limit) => deps.dueSnoozes(deps.clock(), limit),
    ({ id }) => id,
    async ({ id }) => {
      const found = await standingConversation(deps)(id)
      if (!found) return
      const { conversationId, accountId } = found.state
      await tell({ conversationId, accountId }, { do: 'wake', now: deps.clock().toISOString() })
    },
  )
}
