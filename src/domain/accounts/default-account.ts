import type { Decider } from '../decider.ts'
import { DefaultAccountChosen, DefaultAccountUnset, type DefaultAccountEvent, type Owner } from './events.ts'

export type DefaultAccount = { readonly accountId: string | null }
/** `unset` changes something only if this account is the default. */
export type DefaultAccountCommand = {
  readonly do: 'choose' | 'unset'
  readonly owner: Owner
  readonly accountId: string
}

/** One stream per owner: choosing an account also drops the previous one, in one event. */
export const defaultAccount: Decider<DefaultAccount, DefaultAccountCommand, DefaultAccountEvent> = {
  initial: { accountId: null },
  evolve: (_state, event) => ({
    accountId: event.type === 'DefaultAccountChosen' ? event.data.accountId : null,
  }),
  decide: ({ do: wanted, owner, accountId }, state) => {
    const isDefault = state.accountId === accountId
    if (wanted === 'unset') return isDefault ? [DefaultAccountUnset({ owner, accountId })] : []
    return isDefault ? [] : [DefaultAccountChosen({ owner, accountId })]
  },
}

/** `defaultaccount-user.<id>`, or `defaultaccount-team`. */
export const defaultAccountStream = (owner: Owner): string =>
  owner.kind === 'team' ? 'defaultaccount-team' : `defaultaccount-user.${owner.userId}`
