import { account, accountStream } from '../../domain/accounts/account.ts'
import type { Load } from '../handle.ts'
import { withdrawAccess, type WithdrawDeps } from './withdraw-access.ts'

/** Whoever stored credentials and has not recorded them by then has died. */
const RECORDED_WITHIN_MS = 3_600_000
const BATCH = 200

/**
 * Removes credentials that a crash left in the vault: those that no account names, and those of accounts that were
 * disconnected. Versions before the current one stay, as many as the vault keeps. Those of sign-ins go with the hour in
 * which they could have been completed.
 */
export const sweepCredentials =
  (deps: WithdrawDeps & { readonly load: Load }) =>
  async (signal: AbortSignal): Promise<void> => {
    const before = new Date(deps.clock().getTime() - RECORDED_WITHIN_MS)
    let after: string | null = null
    do {
      signal.throwIfAborted()
      const stored = await deps.vault.stored(before, after, BATCH)
      for (const { accountId, versions } of stored) {
        const { state } = await deps.load(account, accountStream(accountId))
        if (state.status === 'disconnected') await withdrawAccess(deps)(state)
        else {
          const named = state.status === 'none' ? 0 : state.credentialVersion
          const unnamed = versions.filter((version) => version > named)
          if (unnamed.length > 0) await deps.vault.discard(accountId, unnamed)
        }
      }
      after = stored.length < BATCH ? null : stored.at(-1)!.accountId
    } while (after !== null)
  }
