import { requireLevel } from '../../domain/accounts/access-rights.ts'
import { accountDisconnected, accountReceivesNoMail } from '../../domain/accounts/refusals.ts'
import { backfill, backfillStream, type Backfill, type BackfillCommand } from '../../domain/sync/backfill.ts'
import { userOf, type Caller, type Handled } from '../handle.ts'
import type { SyncDeps } from './ports.ts'

type BackfillDeps = Pick<SyncDeps, 'handle' | 'clock' | 'findAccount'>

/** Fetching mail that is older than what the account's settings say, from a date on: asked for, paused and resumed. */
export const backfillCommands = (deps: BackfillDeps) => {
  const tell = async (
    caller: Caller,
    accountId: string,
    command: BackfillCommand,
  ): Promise<Handled<Backfill>> => {
    const found = await deps.findAccount(accountId)
    const account = requireLevel(found, userOf(caller), 'full', ['email account', accountId])
    if (account.disconnected) throw accountDisconnected()
    if (!account.receives || account.settings.syncDirection === 'send') throw accountReceivesNoMail()
    return deps.handle(backfill, backfillStream(accountId), command, caller)
  }
  return {
    /** One that is still under way is replaced by it. */
    requestBackfill: (caller: Caller, accountId: string, since: Date) =>
      tell(caller, accountId, {
        do: 'request',
        accountId,
        since: since.toISOString(),
        now: deps.clock().toISOString(),
      }),
    pauseBackfill: (caller: Caller, accountId: string) => tell(caller, accountId, { do: 'pause' }),
    resumeBackfill: (caller: Caller, accountId: string) => tell(caller, accountId, { do: 'resume' }),
  }
}
