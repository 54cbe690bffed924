import { NotFound, type Decider } from '../decider.ts'
import { defineRefusal } from '../refusal.ts'
import {
  SignInBegun,
  SignInCompleted,
  SignInFailed,
  SignInGranted,
  SignInReturned,
  SignInStarted,
  type SignInEvent,
  type SignInRequest,
} from './sign-in-events.ts'

// ---------------------------------------------------------------- state

/** `userId` is who began it, and the only one who can complete it. */
type Begun = SignInRequest & { readonly signInId: string; readonly userId: string }
type Granted = { readonly granted: readonly string[]; readonly missing: readonly string[] }
type Until = { readonly expiresAt: string }

export type SignInUnderWay = Begun &
  (
    | ({ readonly status: 'begun'; readonly linkHash: string } & Until)
    | ({
        readonly status: 'started'
        readonly stateHash: string
        readonly browserHash: string
        readonly secretsVersion: number
      } & Until)
    | { readonly status: 'returned' }
    | ({ readonly status: 'granted'; readonly secretsVersion: number } & Granted & Until)
    | { readonly status: 'failed'; readonly code: string }
    | { readonly status: 'completed'; readonly connectedId: string }
  )
export type SignInState = { readonly status: 'none' } | SignInUnderWay

// ---------------------------------------------------------------- commands

/** Instants are RFC 3339 in UTC. */
export type SignInCommand =
  | ({ readonly do: 'begin'; readonly linkHash: string } & Begun & Until)
  | ({
      readonly do: 'start'
      readonly at: string
      readonly linkHash: string
      readonly stateHash: string
      readonly browserHash: string
      readonly secretsVersion: number
    } & Until)
  | {
      readonly do: 'return'
      readonly at: string
      readonly stateHash: string
      readonly browserHash: string | null
    }
  | ({ readonly do: 'grant'; readonly secretsVersion: number } & Granted & Until)
  | { readonly do: 'fail'; readonly code: string }
  | {
      readonly do: 'complete'
      readonly at: string
      readonly userId: string | null
      readonly accountId: string
    }

// ---------------------------------------------------------------- evolve

const evolve = (state: SignInState, { type, data }: SignInEvent): SignInState => {
  if (type === 'SignInBegun') return { ...data, status: 'begun' }
  if (state.status === 'none') return state
  const begun = begunOf(state)
  switch (type) {
    case 'SignInStarted':
      return { ...begun, ...data, status: 'started' }
    case 'SignInReturned':
      return { ...begun, status: 'returned' }
    case 'SignInGranted':
      return { ...begun, ...data, status: 'granted' }
    case 'SignInFailed':
      return { ...begun, status: 'failed', code: data.code }
    case 'SignInCompleted':
      return { ...begun, status: 'completed', connectedId: data.accountId }
  }
}

const begunOf = (state: SignInUnderWay): Begun => {
  const { signInId, userId, provider, owner, accountId, optional, address, returnTo } = state
  return { signInId, userId, provider, owner, accountId, optional, address, returnTo }
}

// ---------------------------------------------------------------- decide

const decide = (command: SignInCommand, state: SignInState): SignInEvent[] => {
  if (command.do === 'begin') {
    const { do: _, ...begun } = command
    return state.status === 'none' ? [SignInBegun({ ...begun, optional: [...begun.optional] })] : []
  }
  if (state.status === 'none') {
    if (command.do === 'complete') throw new NotFound('sign-in')
    throw command.do === 'start' ? signInLinkInvalid() : signInStateInvalid()
  }
  const { signInId } = state
  switch (command.do) {
    case 'start': {
      const { stateHash, browserHash, secretsVersion, expiresAt } = command
      if (state.status !== 'begun' || command.linkHash !== state.linkHash || command.at > state.expiresAt)
        throw signInLinkInvalid()
      return [SignInStarted({ signInId, stateHash, browserHash, secretsVersion, expiresAt })]
    }
    case 'return':
      if (state.status !== 'started' || command.stateHash !== state.stateHash || command.at > state.expiresAt)
        throw signInStateInvalid()
      if (command.browserHash !== state.browserHash) throw otherBrowser()
      return [SignInReturned({ signInId })]
    case 'grant': {
      if (state.status !== 'returned') throw signInStateInvalid()
      const { secretsVersion, granted, missing, expiresAt } = command
      return [
        SignInGranted({ signInId, secretsVersion, granted: [...granted], missing: [...missing], expiresAt }),
      ]
    }
    case 'fail':
      return state.status === 'returned' ? [SignInFailed({ signInId, code: command.code })] : []
    case 'complete': {
      const own = requireOwnSignIn(state, command.userId)
      if (own.status === 'completed') return []
      requireGranted(own, command.at)
      return [SignInCompleted({ signInId, accountId: command.accountId })]
    }
  }
}

/** To everybody else it does not exist. @throws NotFound */
export const requireOwnSignIn = (state: SignInState, userId: string | null): SignInUnderWay => {
  if (state.status === 'none' || userId === null || state.userId !== userId) throw new NotFound('sign-in')
  return state
}

/** @throws Refused unless the provider has granted access and the time to complete it is not over */
export const requireGranted = (
  state: SignInUnderWay,
  at: string,
): Extract<SignInUnderWay, { status: 'granted' }> => {
  if (state.status !== 'granted') throw signInNotFinished()
  if (at > state.expiresAt) throw signInExpired()
  return state
}

export const signInLinkInvalid = defineRefusal('sign-in-link-invalid', {
  title: 'Link not valid',
  meaning:
    'This link to sign in is not valid: it was used before, it is more than ten minutes old, or it is incomplete.',
  remedy: 'Go back to the CRM and connect the mailbox again.',
})
export const signInStateInvalid = defineRefusal('sign-in-state-invalid', {
  title: 'Sign-in not valid any more',
  meaning:
    'The answer of the provider belongs to no sign-in that is under way: it was used before, or came too late.',
  remedy: 'Go back to the CRM and connect the mailbox again.',
})
const otherBrowser = defineRefusal('sign-in-other-browser', {
  title: 'Another browser',
  meaning: 'The sign-in was started in another browser, or this browser keeps no cookies.',
  remedy:
    'Go back to the CRM, and sign in with the browser in which you started. If somebody sent you a link, do not use it.',
})
const signInNotFinished = defineRefusal('sign-in-not-finished', {
  title: 'Sign-in not finished',
  meaning: 'The provider has not granted access in this sign-in.',
  remedy: 'Finish signing in with the provider in the browser, or begin another sign-in.',
})
export const signInExpired = defineRefusal('sign-in-expired', {
  title: 'Sign-in expired',
  meaning: 'The sign-in was not completed in time, and what the provider had granted was deleted.',
  remedy: 'Begin another sign-in.',
})

export const signIn: Decider<SignInState, SignInCommand, SignInEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}

/** `signin-<signInId>` */
export const signInStream = (signInId: string): string => `signin-${signInId}`
