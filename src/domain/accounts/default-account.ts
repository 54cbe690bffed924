import type { Decider } from '../decider.ts'
import { DefaultAccountChosen, type DefaultAccountEvent, type Owner } from './events.ts'

export type DefaultAccount = { readonly accountId: string | null }
export type DefaultAccountCommand = { readonly owner: Owner; readonly accountId: string }

/** One stream an owner: a choice lets go of the one before, in one event. */
export const defaultAccount: Decider<DefaultAccount, DefaultAccountCommand, DefaultAccountEvent> = {
  initial: { accountId: null },
  evolve: (_state, event) => ({ accountId: event.data.accountId }),
  decide: (command, state) =>
    command.accountId === state.accountId
      ? []
      : [DefaultAccountChosen({ owner: command.owner, accountId: command.accountId })],
}

/** `defaultaccount-user.<id>`, or `defaultaccount-team`. */
export const defaultAccountStream = (owner: Owner): string =>
  owner.kind === 'team' ? 'defaultaccount-team' : `defaultaccount-user.${owner.userId}`
