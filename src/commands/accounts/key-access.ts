import { account, accountStream } from '../../domain/accounts/account.ts'
import type { AccessLevel } from '../../domain/accounts/events.ts'
import { userOfKey } from '../../domain/ids.ts'
import { Refused } from '../../domain/refusal.ts'
import { userOf, type Caller } from '../handle.ts'
import type { AccessDeps } from './change-access.ts'

type KeyAccessDeps = Pick<AccessDeps, 'handle' | 'load' | 'accountsWith'>

const granteeOf = (keyId: string) => ({ kind: 'user', userId: userOfKey(keyId) }) as const

/**
 * Gives an API key access to the accounts that it is limited to: to all, or if the caller may not give one of them, to none.
 * @throws NotFound; Refused `access-level-too-low`, `too-many-members`
 */
export const giveKeyAccess =
  ({ handle, load }: KeyAccessDeps) =>
  async (
    caller: Caller,
    keyId: string,
    limits: readonly { readonly accountId: string; readonly level: AccessLevel }[],
  ): Promise<void> => {
    const grants = limits.map(({ accountId, level }) => ({
      stream: accountStream(accountId),
      command: { do: 'grant-access', by: userOf(caller), grantee: granteeOf(keyId), level } as const,
    }))
    for (const { stream, command } of grants) account.decide(command, (await load(account, stream)).state)
    for (const { stream, command } of grants) await handle(account, stream, command, caller)
  }

/**
 * Takes all access away that an API key has; if it is the last one with full access to an account, it keeps that. Whoever
 * may revoke keys need not have access to their accounts. @throws NotCaughtUp
 */
export const revokeKeyAccess =
  ({ handle, accountsWith }: KeyAccessDeps) =>
  async (caller: Caller, keyId: string): Promise<void> => {
    const command = { do: 'revoke-access', by: null, grantee: granteeOf(keyId) } as const
    for (const accountId of await accountsWith(userOfKey(keyId)))
      await handle(account, accountStream(accountId), command, caller).catch((error: unknown) => {
        if (!(error instanceof Refused)) throw error
      })
  }
