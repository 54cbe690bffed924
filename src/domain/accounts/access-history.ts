import type { Actor, RecordedEvent } from '../event.ts'
import type { Visibility } from '../visibility.ts'
import { changesRights, rightsAfter, rightsOfOwner, type AccessRights } from './access-rights.ts'
import type { AccountEvent, AccessLevel, Grantee, Owner } from './events.ts'

/** Since when, and who gave it. */
type Given = { readonly since: string; readonly by: Actor }
export type AccessEntry = Given & { readonly grantee: Grantee; readonly level: AccessLevel }

/** Who may do what with an account, and what it lets others see; null: not known, or the organisation's default. */
export type AccessHistory = {
  readonly owner: Given & { readonly owner: Owner }
  readonly entries: readonly AccessEntry[]
  readonly visibility: Visibility | null
}

/** Who has had which access since when, after these events of an account's stream; null before it was connected. */
export const accessHistory = (events: readonly RecordedEvent<AccountEvent>[]): AccessHistory | null => {
  let history: AccessHistory | null = null
  for (const event of events) history = after(history, event)
  return history
}

const after = (before: AccessHistory | null, event: RecordedEvent<AccountEvent>): AccessHistory | null => {
  const given: Given = { since: event.recordedAt, by: event.metadata.actor }
  if (event.type === 'AccountConnected') {
    const { owner, settings } = event.data
    return {
      owner: { owner, ...given },
      entries: entriesOf(rightsOfOwner(owner), [], given),
      visibility: settings.visibility,
    }
  }
  if (!before) return null
  if (event.type === 'AccountSettingsChanged')
    return { ...before, visibility: event.data.settings.visibility }
  if (!changesRights(event)) return before
  const rights = rightsAfter(rightsOf(before), event)
  return {
    ...before,
    owner: event.type === 'AccountOwnerChanged' ? { owner: rights.owner, ...given } : before.owner,
    entries: entriesOf(rights, before.entries, given),
  }
}

const rightsOf = ({ owner: { owner }, entries }: AccessHistory): AccessRights => ({
  owner,
  everyone: entries.find(({ grantee }) => grantee.kind === 'everyone')?.level ?? null,
  members: entries.flatMap(({ grantee, level }) =>
    grantee.kind === 'user' ? [{ userId: grantee.userId, level }] : [],
  ),
})

/** What stayed as it was has been so since then. */
const entriesOf = (
  { everyone, members }: AccessRights,
  before: readonly AccessEntry[],
  given: Given,
): AccessEntry[] => {
  const held: Pick<AccessEntry, 'grantee' | 'level'>[] = [
    ...(everyone === null ? [] : [{ grantee: { kind: 'everyone' } as const, level: everyone }]),
    ...members.map(({ userId, level }) => ({ grantee: { kind: 'user', userId } as const, level })),
  ]
  return held.map((each) => before.find((known) => isSame(known, each)) ?? { ...each, ...given })
}

const isSame = (
  one: Pick<AccessEntry, 'grantee' | 'level'>,
  other: Pick<AccessEntry, 'grantee' | 'level'>,
): boolean => one.level === other.level && nameOf(one.grantee) === nameOf(other.grantee)

const nameOf = (grantee: Grantee): string =>
  grantee.kind === 'user' ? `user:${grantee.userId}` : grantee.kind
