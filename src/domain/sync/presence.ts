import type { Decider } from '../decider.ts'
import { defineRefusal } from '../refusal.ts'
import {
  MessageBytesErased,
  MessageDeleted,
  MessageRestored,
  MessageTrashed,
  type PresenceEvent,
  type ProviderCopy,
  type TrashOutcome,
} from './presence-events.ts'

// ---------------------------------------------------------------- state

/** The message as its own stream, or that of the email, has it. */
export type OfMessage = {
  readonly messageId: string
  readonly accountId: string
  readonly direction: 'in' | 'out' | 'draft'
  readonly receivedAt: string
}

export type Presence =
  | { readonly status: 'present' }
  | {
      readonly status: 'deleted'
      readonly of: OfMessage
      readonly deletedAt: string
      /** Its copies are still to be moved into the provider's trash. */
      readonly toTrash: boolean
      /** Its bytes are not kept any more. */
      readonly erased: boolean
    }

// ---------------------------------------------------------------- commands

export type PresenceCommand =
  | { readonly do: 'delete'; readonly of: OfMessage; readonly at: string; readonly provider: ProviderCopy }
  | { readonly do: 'restore' }
  | { readonly do: 'record-trashed'; readonly outcome: TrashOutcome; readonly code: string | null }
  /** Its bytes, if it was deleted before then. */
  | { readonly do: 'erase'; readonly before: string }

// ---------------------------------------------------------------- evolve

const evolve = (state: Presence, event: PresenceEvent): Presence => {
  switch (event.type) {
    case 'MessageDeleted': {
      const { deletedAt, provider, ...of } = event.data
      return { status: 'deleted', of, deletedAt, toTrash: provider === 'trash', erased: false }
    }
    case 'MessageRestored':
      return { status: 'present' }
    case 'MessageTrashed':
      return state.status === 'deleted' ? { ...state, toTrash: false } : state
    case 'MessageBytesErased':
      return state.status === 'deleted' ? { ...state, erased: true } : state
  }
}

// ---------------------------------------------------------------- decide

const decide = (command: PresenceCommand, state: Presence): PresenceEvent[] => {
  switch (command.do) {
    case 'delete': {
      const { of, at, provider } = command
      if (state.status === 'deleted') return []
      return [MessageDeleted({ ...of, deletedAt: at, provider })]
    }
    case 'restore':
      if (state.status !== 'deleted') return []
      if (state.erased) throw messageErased()
      return [MessageRestored({ ...state.of, deletedAt: state.deletedAt })]
    case 'record-trashed': {
      if (state.status !== 'deleted' || !state.toTrash) return []
      const { messageId, accountId } = state.of
      return [MessageTrashed({ messageId, accountId, outcome: command.outcome, code: command.code })]
    }
    case 'erase': {
      if (state.status !== 'deleted' || state.erased || state.deletedAt > command.before) return []
      const { messageId, accountId } = state.of
      return [MessageBytesErased({ messageId, accountId })]
    }
  }
}

const messageErased = defineRefusal('message-erased', {
  title: 'Deleted for good',
  meaning: 'The message was deleted so long ago that its content was erased.',
  remedy: 'Look for it in the mailbox itself; a deleted message is not fetched again.',
  isConflict: true,
})

export const presence: Decider<Presence, PresenceCommand, PresenceEvent> = {
  initial: { status: 'present' },
  evolve,
  decide,
}

/** `presence-<messageId>` */
export const presenceStream = (messageId: string): string => `presence-${messageId}`
