import { requireOwnSignIn, signIn, signInStream, type SignInUnderWay } from '../../domain/accounts/sign-in.ts'
import type { Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'
import type { Vault } from '../ports/credentials.ts'
import { accessIn } from './sign-in-secrets.ts'

/** `address` is the mailbox's, once the provider has told it and until the sign-in is completed. */
type FoundSignIn = SignInUnderWay & { readonly isExpired: boolean; readonly mailbox: string | null }

/** A sign-in of this user. @throws NotFound */
export const findSignIn =
  (deps: { readonly load: Load; readonly vault: Vault; readonly clock: Clock }) =>
  async (signInId: string, userId: string | null): Promise<FoundSignIn> => {
    const own = requireOwnSignIn((await deps.load(signIn, signInStream(signInId))).state, userId)
    const isExpired = 'expiresAt' in own && deps.clock().toISOString() > own.expiresAt
    const kept = own.status === 'granted' ? await deps.vault.load(signInId, own.secretsVersion) : null
    return { ...own, isExpired, mailbox: kept && accessIn(kept).address }
  }
