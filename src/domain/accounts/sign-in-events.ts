import { z } from 'zod'
import { crmId } from '../directory/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { idOf } from '../ids.ts'
import { address, instant } from '../mail.ts'
import { accountId, owner } from './events.ts'

// Signing in with a provider. Whatever leads on, a link, a state, a cookie, is in no event: only its hash is.

export const signInId = idOf('sin').describe('Id of a sign-in')
const hash = z.string().regex(/^[\w-]{43}$/)
const permissions = z.array(z.string())

/** What is asked for: `accountId` to sign in again for an account, else null. `address` is a hint for the provider. */
const signInRequest = z.object({
  provider: z.string().min(1).max(50),
  owner,
  accountId: accountId.nullable(),
  optional: permissions,
  address: address.nullable(),
  returnTo: z.url().max(2000).nullable(),
})
export type SignInRequest = z.infer<typeof signInRequest>

export const SignInBegun = defineEvent(
  'SignInBegun',
  z.object({ signInId, userId: crmId, ...signInRequest.shape, linkHash: hash, expiresAt: instant }),
)
/** A browser was sent to the provider. What the answer is checked with is in the vault, as `secretsVersion`. */
export const SignInStarted = defineEvent(
  'SignInStarted',
  z.object({ signInId, stateHash: hash, browserHash: hash, secretsVersion: z.int(), expiresAt: instant }),
)
/** The same browser came back, which uses up its state. */
export const SignInReturned = defineEvent('SignInReturned', z.object({ signInId }))
/** The access is in the vault as `secretsVersion`, and becomes an account's if its user completes the sign-in. */
export const SignInGranted = defineEvent(
  'SignInGranted',
  z.object({
    signInId,
    secretsVersion: z.int(),
    granted: permissions,
    missing: permissions,
    expiresAt: instant,
  }),
)
export const SignInFailed = defineEvent('SignInFailed', z.object({ signInId, code: z.string() }))
export const SignInCompleted = defineEvent('SignInCompleted', z.object({ signInId, accountId }))

export const signInEvents = [
  SignInBegun,
  SignInStarted,
  SignInReturned,
  SignInGranted,
  SignInFailed,
  SignInCompleted,
] as const
export type SignInEvent = EventOf<(typeof signInEvents)[number]>
