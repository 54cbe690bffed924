import { account, accountStream } from '../../domain/accounts/account.ts'
import { mayUse, type Owner } from '../../domain/accounts/events.ts'
import { mailboxClaim, mailboxClaimStream } from '../../domain/accounts/mailbox-claim.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import { userOf, type Caller, type Handle, type Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'

/** An account that was not connected so long after its claim never will be: whoever connected it has died. */
const CONNECTED_WITHIN_MS = 60_000

export type ClaimDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly clock: Clock
  /** A name for a text that shows nothing of it. */
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
 * Lays claim to a mailbox and to its owner's address, for an account that is about to be connected.
 * @throws Refused `already-connected`
 */
export const claimMailbox =
  (deps: ClaimDeps) =>
  async (caller: Caller, claimed: Claimed): Promise<void> => {
    const { accountId, address, owner, provider, mailbox, allowDuplicate } = claimed
    const claimedAt = deps.clock().toISOString()
    const whose = owner.kind === 'team' ? 'team' : owner.userId
    const identities = [
      ['mailbox', provider, mailbox],
      ['address', owner.kind, whose, normaliseAddress(address)],
    ]
    for (const identity of identities) {
      const stream = mailboxClaimStream(deps.fingerprint(JSON.stringify(identity)))
      const others = await lookUp(deps, caller, stream)
      await deps.handle(
        mailboxClaim,
        stream,
        { accountId, claimedAt, allowDuplicate, ...others },
        caller,
      )
    }
  }

const lookUp = async ({ load, clock }: ClaimDeps, caller: Caller, stream: string) => {
  const { claims } = (await load(mailboxClaim, stream)).state
  const gone: string[] = []
  const nameable: string[] = []
  for (const { accountId, claimedAt } of claims) {
    const { state } = await load(account, accountStream(accountId))
    const isLate = clock().getTime() - Date.parse(claimedAt) > CONNECTED_WITHIN_MS
    if (state.status === 'disconnected' || (state.status === 'none' && isLate)) gone.push(accountId)
    if (state.status !== 'none' && mayUse(state.owner, userOf(caller))) nameable.push(accountId)
  }
  return { void: gone, nameable }
}
