import type { Decider } from '../decider.ts'
import { defineRefusal } from '../refusal.ts'
import { MailboxClaimed, type MailboxClaimEvent } from './events.ts'

type Claim = { readonly accountId: string; readonly claimedAt: string }

/** Which accounts have laid claim to a mailbox, or to an address of an owner. */
export type MailboxClaims = { readonly claims: readonly Claim[] }

/**
 * `void`: claims that stand in nobody's way any more. `nameable`: the accounts that may be named to whoever asks.
 * A claim of neither kind is newer than what was looked up, and stands.
 */
export type ClaimMailbox = Claim & {
  readonly void: readonly string[]
  readonly nameable: readonly string[]
  readonly allowDuplicate: boolean
}

const evolve = ({ claims }: MailboxClaims, { data }: MailboxClaimEvent): MailboxClaims => ({
  claims: [...claims.filter(({ accountId }) => accountId !== data.accountId), data],
})

const alreadyConnected = defineRefusal('already-connected', {
  title: 'Mailbox already connected',
  meaning: 'Another account is connected to the same mailbox: its mail would be synced and counted twice.',
  remedy: 'Use the account that there is, or send `allowDuplicate: true` to connect the mailbox once more.',
})

const decide = (command: ClaimMailbox, { claims }: MailboxClaims): MailboxClaimEvent[] => {
  const { accountId, claimedAt, nameable, allowDuplicate } = command
  if (claims.some((claim) => claim.accountId === accountId)) return []
  const other = claims.find((claim) => !command.void.includes(claim.accountId))
  if (other && !allowDuplicate)
    throw alreadyConnected(
      nameable.includes(other.accountId)
        ? {
            detail: `The mailbox is connected as account ${other.accountId} already.`,
            details: { accountId: other.accountId },
          }
        : { detail: 'Another account is connected to the mailbox, or is being connected at this moment.' },
    )
  return [MailboxClaimed({ accountId, claimedAt })]
}

/** One stream an identity, so that of two who connect it at once only one can be the first. */
export const mailboxClaim: Decider<MailboxClaims, ClaimMailbox, MailboxClaimEvent> = {
  initial: { claims: [] },
  evolve,
  decide,
}

/** `mailboxclaim-<fingerprint>`: neither a host nor an address shows in it. */
export const mailboxClaimStream = (fingerprint: string): string => `mailboxclaim-${fingerprint}`
