import type { Account } from '../../domain/accounts/account.ts'
import { NotFound } from '../../domain/decider.ts'
import { Refused } from '../../domain/refusal.ts'
import type { Handled } from '../handle.ts'
import { StaleRevision } from '../revisions.ts'
import type { Credentials, Vault } from '../ports/credentials.ts'
import { AppendTooLarge, RevisionConflict } from '../ports/event-log.ts'

const nothingRecorded = [Refused, StaleRevision, NotFound, RevisionConflict, AppendTooLarge] as const

/**
 * Stores credentials, then has their version recorded on the account's stream. They are discarded if that is refused, or
 * if the stream names another version. If it is not known whether it was recorded, `sweepCredentials` finds out later.
 */
export const keepCredentials = async (
  vault: Vault,
  accountId: string,
  credentials: Credentials,
  record: (version: number) => Promise<Handled<Account>>,
): Promise<Handled<Account>> => {
  const { version } = await vault.store(accountId, credentials)
  try {
    const handled = await record(version)
    if (handled.state.status === 'none' || handled.state.credentialVersion !== version)
      await vault.discard(accountId, [version])
    return handled
  } catch (error) {
    if (nothingRecorded.some((kind) => error instanceof kind)) await vault.discard(accountId, [version])
    throw error
  }
}
