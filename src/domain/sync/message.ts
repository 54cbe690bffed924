import type { z } from 'zod'
import type { Decider } from '../decider.ts'
import { defineRefusal } from '../refusal.ts'
import {
  flagSet,
  isAt,
  isDraftAt,
  MessageFlagsChanged,
  MessageAddedToFolder,
  MessageDraftSynced,
  MessageQuarantined,
  MessageRemovedFromFolder,
  MessageSynced,
  QuarantinedMessageReleased,
  QuarantinedMessageSkipped,
  type Exclusion,
  type MessageEvent,
  type Placement,
} from './events.ts'

// ---------------------------------------------------------------- state

export type SyncedMessage = z.infer<typeof MessageSynced.schema>
export type QuarantinedMessage = z.infer<typeof MessageQuarantined.schema>

/** A message has a set of places; one without any was removed from the mailbox and is kept here. */
type Placed = { readonly placement: Placement; readonly flags: readonly string[] }
type Met = { readonly messageId: string; readonly accountId: string; readonly placements: readonly Placed[] }
/** `outgoingId`: the email of ours that it is a copy of. */
type Found = Pick<SyncedMessage, 'outgoingId' | 'direction' | 'receivedAt'>

export type Message =
  | { readonly status: 'none' }
  | (Met & { readonly status: 'synced'; readonly found: Found })
  | (Met & { readonly status: 'draft'; readonly draft: SyncedMessage })
  | (Met & { readonly status: 'quarantined'; readonly quarantined: QuarantinedMessage })
  | (Met & { readonly status: 'skipped' })
  | (Met & { readonly status: 'released'; readonly became: string })

// ---------------------------------------------------------------- commands

export type MessageCommand =
  | { readonly do: 'sync'; readonly message: SyncedMessage }
  | { readonly do: 'quarantine'; readonly message: QuarantinedMessage }
  | { readonly do: 'place'; readonly placement: Placement; readonly flags: readonly string[] }
  | {
      readonly do: 'move'
      readonly from: Placement
      readonly to: Placement
      readonly flags: readonly string[]
    }
  | { readonly do: 'change-flags'; readonly placement: Placement; readonly flags: readonly string[] }
  | { readonly do: 'remove'; readonly placement: Placement }
  | { readonly do: 'fail-again'; readonly reason: string }
  | { readonly do: 'release'; readonly became: string }
  | { readonly do: 'skip'; readonly exclusion: Exclusion | null }

// ---------------------------------------------------------------- evolve

const evolve = (state: Message, event: MessageEvent): Message => {
  const { messageId, accountId } = event.data
  const before = state.status === 'none' ? [] : state.placements
  switch (event.type) {
    case 'MessageSynced':
    case 'MessageDraftSynced': {
      const { placement, flags, outgoingId, direction, receivedAt } = event.data
      const met = { messageId, accountId, placements: [...without(before, placement), { placement, flags }] }
      return event.type === 'MessageSynced'
        ? { status: 'synced', ...met, found: { outgoingId, direction, receivedAt } }
        : { status: 'draft', ...met, draft: event.data }
    }
    case 'MessageQuarantined': {
      const { placement, flags } = event.data
      const placements = state.status === 'none' ? [{ placement, flags }] : before
      return { status: 'quarantined', messageId, accountId, placements, quarantined: event.data }
    }
    case 'MessageAddedToFolder':
    case 'MessageFlagsChanged': {
      if (state.status === 'none') return state
      const { placement, flags } = event.data
      return { ...state, placements: [...without(before, placement), { placement, flags }] }
    }
    case 'MessageRemovedFromFolder':
      return state.status === 'none' ? state : { ...state, placements: without(before, event.data.placement) }
    case 'QuarantinedMessageSkipped':
      return { status: 'skipped', messageId, accountId, placements: before }
    case 'QuarantinedMessageReleased':
      return { status: 'released', messageId, accountId, placements: before, became: event.data.became }
  }
}

const without = (placements: readonly Placed[], gone: Placement): readonly Placed[] =>
  placements.filter(({ placement }) => !isAt(placement, gone))

// ---------------------------------------------------------------- decide

const unknownMessage = defineRefusal('unknown-message', {
  title: 'Unknown message',
  meaning: 'There is no message with this id.',
  remedy: 'Check the id of the message.',
})

const decide = (command: MessageCommand, state: Message): MessageEvent[] => {
  if (command.do === 'sync' || command.do === 'quarantine') {
    if (state.status !== 'none') return place(state, command.message.placement, command.message.flags)
    if (command.do === 'quarantine') return [MessageQuarantined(command.message)]
    const { placement, flags } = command.message
    return [(isDraftAt(placement, flags) ? MessageDraftSynced : MessageSynced)(command.message)]
  }
  if (state.status === 'none') throw unknownMessage()
  const { messageId, accountId } = state
  switch (command.do) {
    case 'place':
      return place(state, command.placement, command.flags)
    case 'move':
      return [...place(state, command.to, command.flags), ...remove(state, command.from)]
    case 'change-flags': {
      const { placement, flags } = command
      const at = state.placements.find((placed) => isAt(placed.placement, placement))
      return at ? place(state, placement, flags) : []
    }
    case 'remove':
      return remove(state, command.placement)
    case 'fail-again': {
      const { quarantined } = requireQuarantined(state)
      const attempts = quarantined.attempts + 1
      return [MessageQuarantined({ ...quarantined, reason: command.reason, attempts })]
    }
    case 'release':
      if (state.status === 'released') return []
      requireQuarantined(state)
      return [QuarantinedMessageReleased({ messageId, accountId, became: command.became })]
    case 'skip':
      if (state.status === 'skipped') return []
      requireQuarantined(state)
      return [QuarantinedMessageSkipped({ messageId, accountId, ...command.exclusion })]
  }
}

const place = (
  state: Exclude<Message, { status: 'none' }>,
  placement: Placement,
  flags: readonly string[],
): MessageEvent[] => {
  const { messageId, accountId } = state
  const there = state.placements.find((placed) => isAt(placed.placement, placement))
  if (state.status === 'draft' && wasSent(placement, flags, there))
    return [MessageSynced({ ...newsOf(state.draft), placement, flags: [...flags], direction: 'out' })]
  if (!there) return [MessageAddedToFolder({ messageId, accountId, placement, flags: [...flags] })]
  return sameFlags(there.flags, flags)
    ? []
    : [MessageFlagsChanged({ messageId, accountId, placement, flags: [...flags] })]
}

/** That an old draft is sent now is news. */
const newsOf = ({ backfill: _older, ...draft }: SyncedMessage): SyncedMessage => draft

/** A draft that now lies among the sent mail, or that only its draft flag marked and that has lost it. */
const wasSent = (placement: Placement, flags: readonly string[], there: Placed | undefined): boolean =>
  placement.role === 'sent' ||
  (there !== undefined && isDraftAt(placement, there.flags) && !isDraftAt(placement, flags))

const remove = ({ messageId, accountId, placements }: Met, placement: Placement): MessageEvent[] =>
  placements.some((placed) => isAt(placed.placement, placement))
    ? [MessageRemovedFromFolder({ messageId, accountId, placement })]
    : []

const sameFlags = (a: readonly string[], b: readonly string[]): boolean =>
  flagSet(a).join('\n') === flagSet(b).join('\n')

const messageNotQuarantined = defineRefusal('message-not-quarantined', {
  title: 'Message not quarantined',
  meaning: 'Only messages that could not be read can be retried or skipped.',
  remedy: "The account's sync errors list the quarantined messages.",
})

/** The message, if it awaits a decision; otherwise refuses and says why. */
export const requireQuarantined = (state: Message): Message & { status: 'quarantined' } => {
  if (state.status === 'quarantined') return state
  throw messageNotQuarantined()
}

export const message: Decider<Message, MessageCommand, MessageEvent> = {
  initial: { status: 'none' },
  evolve,
  decide,
}

/** `message-<messageId>` */
export const messageStream = (messageId: string): string => `message-${messageId}`
