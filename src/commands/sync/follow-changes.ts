import type { Placement } from '../../domain/sync/events.ts'
import { defineCode } from '../../domain/refusal.ts'
import { message, messageStream, type Message, type MessageCommand } from '../../domain/sync/message.ts'
import { inParallel } from '../../std/in-parallel.ts'
import type { Caller } from '../handle.ts'
import { MailUnavailable, type MailChange } from '../ports/mail-provider.ts'
import type { KnownPlacement, SyncDeps } from './ports.ts'
import { placeKey, type Run } from './run.ts'
import { tell } from './store-message.ts'

const AT_ONCE = 50

export const readModelBehind = defineCode('read-model-behind', {
  title: 'Read model behind',
  meaning: 'What is known of the mailbox, or of the contacts, has not caught up with the log.',
  remedy: 'Do nothing: the sync is tried again automatically.',
})

type FollowDeps = Pick<SyncDeps, 'known' | 'load' | 'handle' | 'clock'>
type Known = ReadonlyMap<string, KnownPlacement>

/** What is known about these places, by `placeKey`. It may lag behind. */
export const knownAt = async (
  { known }: Pick<SyncDeps, 'known'>,
  accountId: string,
  placements: readonly Placement[],
): Promise<Map<string, KnownPlacement>> => {
  const found = new Map<string, KnownPlacement>()
  for (const [folder, there] of Map.groupBy(placements, (placement) => placement.folder)) {
    const refs = there.map(({ ref }) => ref)
    for (const place of await known.among(accountId, folder, refs))
      found.set(placeKey({ folder, ref: place.ref }), place)
  }
  return found
}

/**
 * The same, but certain: changes that are reported only once must not be missed because the read model lags. Whatever
 * is unknown then, such as mail older than the window, was never stored.
 */
export const surelyKnownAt = async (
  deps: Pick<SyncDeps, 'known'>,
  { account: { accountId }, signal }: Run,
  placements: readonly Placement[],
): Promise<Known> => {
  const found = await knownAt(deps, accountId, placements)
  const missing = placements.filter((placement) => !found.has(placeKey(placement)))
  if (missing.length === 0) return found
  if (!(await deps.known.catchUp(signal))) {
    const { code, meaning, remedy } = readModelBehind
    throw new MailUnavailable('temporary', code, meaning, remedy)
  }
  for (const [key, place] of await knownAt(deps, accountId, missing)) found.set(key, place)
  return found
}

type Change = Exclude<MailChange, { kind: 'added' }>

/** A change that was news. `isLeft`: with it the message has left the mailbox and has no other place. */
type Followed<C> = { readonly change: C; readonly isLeft: boolean }

/** Records in the messages' own streams what has changed. @returns the changes that were news */
export const follow = async <C extends Change>(
  deps: FollowDeps,
  { caller, signal }: Run,
  changes: readonly C[],
  known: Known,
): Promise<Followed<C>[]> => {
  const followed = await inParallel(changes, AT_ONCE, async (change) => {
    signal.throwIfAborted()
    const met = known.get(placeKey(change.kind === 'moved' ? change.from : change.placement))
    const after = met && (await tellIfNew(deps, caller, met.messageId, commandOf(change)))
    return after ? [{ change, isLeft: after.status !== 'none' && after.placements.length === 0 }] : []
  })
  return followed.flat()
}

const commandOf = (change: Change): MessageCommand => {
  switch (change.kind) {
    case 'moved':
      return { do: 'move', from: change.from, to: change.to, flags: change.flags }
    case 'flagged':
      return { do: 'change-flags', placement: change.placement, flags: change.flags }
    case 'gone':
      return { do: 'remove', placement: change.placement }
  }
}

/** What is known may lag behind, so the stream decides. @returns the message as it is now; null if that was no news */
const tellIfNew = async (
  deps: FollowDeps,
  caller: Caller,
  messageId: string,
  command: MessageCommand,
): Promise<Message | null> => {
  const loaded = await deps.load(message, messageStream(messageId))
  if (loaded.state.status === 'none' || message.decide(command, loaded.state).length === 0) return null
  return (await tell(deps, caller, messageId, command)).state
}
