import { account, accountStream } from '../../domain/accounts/account.ts'
import { mayUse, type Owner } from '../../domain/accounts/events.ts'
import { mailboxClaim, mailboxClaimStream } from '../../domain/accounts/mailbox-claim.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import { userOf, type Caller, type Handle, type Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'

/** If an account was not connected this long after its claim, whoever was connecting it has died. */
const CONNECTED_WITHIN_MS = 60_000

export type ClaimDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly clock: Clock
  /** A name for a text that reveals nothing about it. */
  readonly fingerprint: (text: string) => string
}

export type Claimed = {
  readonly accountId: string
  readonly address: string
  readonly owner: Owner
  readonly provider: string
  /** `Admitted.mailbox` */
  readonly mailbox: string
  readonly allowDuplicate: boolean
}

/**
 * Claims a mailbox, and its owner's address, for an account that is about to be connected.
 * @throws Refused `already-connected`
 */
export const claimMailbox =
  (deps: ClaimDeps) =>
  async (caller: Caller, claimed: Claimed): Promise<void> => {
    const { accountId, address, owner, provider, mailbox, allowDuplicate } = claimed
    const claimedAt = deps.clock().toISOString()
    const whose = owner.kind === 'team' ? 'team' : owner.userId
    const identities = [
      mailboxIdentity(provider, mailbox),
      ['address', owner.kind, whose, normaliseAddress(address)],
    ]
    const claims = await Promise.all(
      identities.map(async (identity) => {
        const stream = mailboxClaimStream(deps.fingerprint(JSON.stringify(identity)))
        const { state, ...others } = await lookUp(deps, caller, stream)
        return { stream, state, command: { accountId, claimedAt, allowDuplicate, ...others } }
      }),
    )
    // If one claim is refused, the other is not left behind.
    for (const { command, state } of claims) mailboxClaim.decide(command, state)
    for (const { stream, command } of claims) await deps.handle(mailboxClaim, stream, command, caller)
  }

/** Whether an account was connected to this mailbox, whatever it was called then. */
export const hasClaimed = async (
  { load, fingerprint }: Pick<ClaimDeps, 'load' | 'fingerprint'>,
  accountId: string,
  provider: string,
  mailbox: string,
): Promise<boolean> => {
  const stream = mailboxClaimStream(fingerprint(JSON.stringify(mailboxIdentity(provider, mailbox))))
  const { state } = await load(mailboxClaim, stream)
  return state.claims.some((claim) => claim.accountId === accountId)
}

const mailboxIdentity = (provider: string, mailbox: string) => ['mailbox', provider, mailbox]

const lookUp = async ({ load, clock }: ClaimDeps, caller: Caller, stream: string) => {
  const { state: claimed } = await load(mailboxClaim, stream)
  const gone: string[] = []
  const nameable: string[] = []
  for (const { accountId, claimedAt } of claimed.claims) {
    const { state } = await load(account, accountStream(accountId))
    const isLate = clock().getTime() - Date.parse(claimedAt) > CONNECTED_WITHIN_MS
    if (state.status === 'disconnected' || (state.status === 'none' && isLate)) gone.push(accountId)
    if (state.status !== 'none' && mayUse(state.owner, userOf(caller))) nameable.push(accountId)
  }
  return { state: claimed, void: gone, nameable }
}
