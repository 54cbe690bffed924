import { NotFound } from '../decider.ts'
import { isUserOfKey } from '../ids.ts'
import { defineRefusal } from '../refusal.ts'
import type { DomainEvent, EventOf } from '../event.ts'
import {
  AccountAccessGranted,
  AccountAccessRevoked,
  AccountOwnerChanged,
  type AccessLevel,
  type Grantee,
  type Owner,
} from './events.ts'

/** Who may use an account. `everyone`: what users may who are neither the owner nor members. */
export type AccessRights = {
  readonly owner: Owner
  readonly everyone: AccessLevel | null
  readonly members: readonly Member[]
}
type Member = { readonly userId: string; readonly level: AccessLevel }

/** An account of the team is everybody's, and a user's own is theirs alone, until access is changed. */
export const rightsOfOwner = (owner: Owner): AccessRights => ({
  owner,
  everyone: owner.kind === 'team' ? 'full' : null,
  members: [],
})

/** What a user may do with an account, null: nothing. Null as the user is a program of the CRM, which may do everything. */
export const levelOf = (
  { owner, everyone, members }: AccessRights,
  userId: string | null,
): AccessLevel | null => {
  if (userId === null || (owner.kind === 'user' && owner.userId === userId)) return 'full'
  const own = members.find((member) => member.userId === userId)?.level
  // A key that is limited to accounts is nobody of everyone.
  return own ?? (isUserOfKey(userId) ? null : everyone)
}

/** Whether a level has what takes this one: `full` has everything, `send` and `read` do not have each other. */
const includes = (level: AccessLevel | null, needed: AccessLevel): boolean =>
  level === 'full' || level === needed

export const may = (rights: AccessRights, userId: string | null, needed: AccessLevel): boolean =>
  includes(levelOf(rights, userId), needed)

/** Whether several people work with the account. */
export const isShared = ({ owner, everyone, members }: AccessRights): boolean =>
  owner.kind === 'team' || everyone !== null || members.length > 0

const accessLevelTooLow = defineRefusal('access-level-too-low', {
  title: 'Access level too low',
  meaning: 'Your access to the account does not allow this.',
  remedy: 'Ask somebody with full access to the account to do it, or to change your access.',
  isForbidden: true,
})

const wanting: Readonly<Record<AccessLevel, string>> = {
  full: 'This takes full access to the account',
  send: 'Sending takes full access to the account, or access to send',
  read: 'Seeing its mail takes full access to the account, or access to read',
}
const having: Readonly<Record<AccessLevel, string>> = {
  full: 'full access',
  send: 'access to send only',
  read: 'access to read only',
}

/**
 * The account, if the user has this level. To users without access, it does not exist. `sought`: what they asked for, an account if nothing is said.
 * @throws NotFound; Refused `access-level-too-low` if they have another level
 */
export const requireLevel = <Account extends AccessRights>(
  account: Account | null,
  userId: string | null,
  needed: AccessLevel,
  sought: readonly [kind: string, id?: string] = ['email account'],
): Account => {
  const level = account && levelOf(account, userId)
  if (account === null || level === null) throw new NotFound(...sought)
  if (!includes(level, needed))
    throw accessLevelTooLow({ detail: `${wanting[needed]}; you have ${having[level]}.` })
  return account
}

export const rightsEvents = [AccountAccessGranted, AccountAccessRevoked, AccountOwnerChanged] as const
type RightsEvent = EventOf<(typeof rightsEvents)[number]>

/** Whether the event changes who may use an account. */
export const changesRights = <Event extends DomainEvent>(event: Event): event is Event & RightsEvent =>
  rightsEvents.some(({ type }) => type === event.type)

/** Who may use the account after the event. */
export const rightsAfter = (rights: AccessRights, event: RightsEvent): AccessRights => {
  switch (event.type) {
    case 'AccountAccessGranted':
      return withLevel(rights, event.data.grantee, event.data.level)
    case 'AccountAccessRevoked':
      return withLevel(rights, event.data.grantee, null)
    case 'AccountOwnerChanged': {
      const { owner } = event.data
      const members = rights.members.filter(({ userId }) => owner.kind !== 'user' || owner.userId !== userId)
      return { ...rightsOfOwner(owner), members }
    }
  }
}

const withLevel = (rights: AccessRights, to: Grantee, level: AccessLevel | null): AccessRights => {
  if (to.kind === 'everyone') return { ...rights, everyone: level }
  const { userId } = to
  const others = rights.members.filter((member) => member.userId !== userId)
  return { ...rights, members: level === null ? others : [...others, { userId, level }] }
}
