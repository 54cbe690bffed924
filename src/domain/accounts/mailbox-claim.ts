import type { Decider } from '../decider.ts'
import { defineRefusal } from '../refusal.ts'
import { MailboxClaimed, type MailboxClaimEvent } from './events.ts'

type Claim = { readonly accountId: string; readonly claimedAt: string }

/** Which accounts have claimed a mailbox, or an address of an owner. */
export type MailboxClaims = { readonly claims: readonly Claim[] }

/**
 * `void`: claims that no longer count. `nameable`: accounts that may be named to whoever asks. A claim of neither kind
 * is newer than the lookup, and counts.
 */
export type ClaimMailbox = Claim & {
  readonly void: readonly string[]
  readonly nameable: readonly string[]
  /** Null for an account that changes its owner, where nobody is asked. */
  readonly allowDuplicate: boolean | null
}

const evolve = ({ claims }: MailboxClaims, { data }: MailboxClaimEvent): MailboxClaims => ({
  claims: [...claims.filter(({ accountId }) => accountId !== data.accountId), data],
})

const alreadyConnected = defineRefusal('already-connected', {
  title: 'Mailbox already connected',
  meaning: 'Another account is connected to the same mailbox: its mail would be synced and counted twice.',
  remedy: 'Use the existing account, or send `allowDuplicate: true` to connect the mailbox again.',
})

const decide = (command: ClaimMailbox, { claims }: MailboxClaims): MailboxClaimEvent[] => {
  const { accountId, claimedAt, nameable, allowDuplicate } = command
  const counting = claims.filter((claim) => !command.void.includes(claim.accountId))
  if (counting.some((claim) => claim.accountId === accountId)) return []
  const [other] = counting
  if (other && !allowDuplicate)
    throw alreadyConnected({
      ...(nameable.includes(other.accountId)
        ? {
            detail: `The mailbox is already connected as account ${other.accountId}.`,
            details: { accountId: other.accountId },
          }
        : { detail: 'Another account is connected to the mailbox, or is just being connected.' }),
      ...(allowDuplicate === null && {
        remedy: "Disconnect the new owner's own account with this address first.",
      }),
    })
  return [MailboxClaimed({ accountId, claimedAt })]
}

/** One stream per identity, so that of two connections at once only one can be first. */
export const mailboxClaim: Decider<MailboxClaims, ClaimMailbox, MailboxClaimEvent> = {
  initial: { claims: [] },
  evolve,
  decide,
}

/** `mailboxclaim-<fingerprint>`: it reveals neither host nor address. */
export const mailboxClaimStream = (fingerprint: string): string => `mailboxclaim-${fingerprint}`
