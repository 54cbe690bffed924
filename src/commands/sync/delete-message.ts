import { accountDisconnected, accountReceivesNoMail } from '../../domain/accounts/refusals.ts'
import type { ProviderCopy } from '../../domain/sync/presence-events.ts'
import { presence, presenceStream, type Presence } from '../../domain/sync/presence.ts'
import type { Caller, Handled } from '../handle.ts'
import type { IfRevision } from '../revisions.ts'
import { findMet, type FindMetDeps } from './find-met.ts'
import type { SyncDeps } from './ports.ts'

type PresenceDeps = FindMetDeps & Pick<SyncDeps, 'handle' | 'clock'>

/** Deletes a message here; `trash`: its copies at the provider go into the provider's trash as well. */
export const deleteMessage =
  (deps: PresenceDeps) =>
  async (
    caller: Caller,
    id: string,
    provider: ProviderCopy,
    ifRevision?: IfRevision,
  ): Promise<Handled<Presence>> => {
    const { of, account } = await findMet(deps)(caller, id)
    if (provider === 'trash' && account.disconnected) throw accountDisconnected()
    if (provider === 'trash' && !account.receives) throw accountReceivesNoMail()
    const command = { do: 'delete', of, at: deps.clock().toISOString(), provider } as const
    return deps.handle(presence, presenceStream(of.messageId), command, caller, { ifRevision })
  }

/** Undoes a deletion. Nothing changes in the mailbox. */
export const restoreMessage =
  (deps: PresenceDeps) =>
  async (caller: Caller, id: string, ifRevision?: IfRevision): Promise<Handled<Presence>> => {
    const { of } = await findMet(deps)(caller, id)
    return deps.handle(presence, presenceStream(of.messageId), { do: 'restore' }, caller, { ifRevision })
  }
