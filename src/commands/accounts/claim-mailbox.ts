import { account, accountStream, isSameOwner } from '../../domain/accounts/account.ts'
import { levelOf } from '../../domain/accounts/access-rights.ts'
import type { Owner } from '../../domain/accounts/events.ts'
import { mailboxClaim, mailboxClaimStream, type ClaimMailbox } from '../../domain/accounts/mailbox-claim.ts'
import { normaliseAddress } from '../../domain/mail.ts'
import { userOf, type Caller, type Handle, type Load } from '../handle.ts'
import type { Clock } from '../ports/clock.ts'

/** If an account was not connected, or not its new owner's, this long after its claim, whoever was at it has died. */
const COMPLETED_WITHIN_MS = 60_000

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
    const { address, owner, provider, mailbox } = claimed
    const ofMailbox = { name: mailboxIdentity(provider, mailbox), owner: null }
    await claimAll(deps)(caller, [ofMailbox, addressIdentity(address, owner)], claimed)
  }

/** Claims its address for the account's next owner. @throws Refused `already-connected` */
export const claimAddress =
  (deps: ClaimDeps) =>
  async (caller: Caller, claimed: Pick<Claimed, 'accountId' | 'address' | 'owner'>): Promise<void> => {
    const { accountId, address, owner } = claimed
    await claimAll(deps)(caller, [addressIdentity(address, owner)], { accountId, allowDuplicate: null })
  }

/** What is claimed. `owner`: whose it is, if accounts of others do not count. */
type Identity = { readonly name: readonly string[]; readonly owner: Owner | null }

const claimAll =
  (deps: ClaimDeps) =>
  async (
    caller: Caller,
    identities: readonly Identity[],
    { accountId, allowDuplicate }: Pick<ClaimMailbox, 'accountId' | 'allowDuplicate'>,
  ): Promise<void> => {
    const claimedAt = deps.clock().toISOString()
    const claims = await Promise.all(
      identities.map(async ({ name, owner }) => {
        const stream = mailboxClaimStream(deps.fingerprint(JSON.stringify(name)))
        const { state, ...others } = await lookUp(deps, caller, stream, owner)
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

const addressIdentity = (address: string, owner: Owner): Identity => {
  const whose = owner.kind === 'team' ? 'team' : owner.userId
  return { name: ['address', owner.kind, whose, normaliseAddress(address)], owner }
}

const lookUp = async ({ load, clock }: ClaimDeps, caller: Caller, stream: string, owner: Owner | null) => {
  const { state: claimed } = await load(mailboxClaim, stream)
  const gone: string[] = []
  const nameable: string[] = []
  for (const { accountId, claimedAt } of claimed.claims) {
    const { state } = await load(account, accountStream(accountId))
    const isLate = clock().getTime() - Date.parse(claimedAt) > COMPLETED_WITHIN_MS
    const isTheirs = state.status !== 'none' && (owner === null || isSameOwner(state.owner, owner))
    if (state.status === 'disconnected' || (!isTheirs && isLate)) gone.push(accountId)
    if (state.status !== 'none' && levelOf(state, userOf(caller)) !== null) nameable.push(accountId)
  }
  return { state: claimed, void: gone, nameable }
}
