import { NotFound, type Decider } from '../decider.ts'
import { defineRefusal } from '../refusal.ts'
import {
  MessageBytesErased,
  MessageDeleted,
  MessageHidden,
  MessageRestored,
  MessageShown,
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

/** `byHand`: somebody wants it shown, so that no pattern hides it again. */
export type Presence =
  | { readonly status: 'present'; readonly byHand: boolean }
  | { readonly status: 'hidden'; readonly of: OfMessage; readonly pattern: string }
  | {
      readonly status: 'deleted'
      readonly of: OfMessage
      readonly deletedAt: string
      /** Its copies are still to be moved into the provider's trash. */
      readonly toTrash: boolean
    }
  | { readonly status: 'erased'; readonly deletedAt: string }

// ---------------------------------------------------------------- commands

export type PresenceCommand =
  | { readonly do: 'delete'; readonly of: OfMessage; readonly at: string; readonly provider: ProviderCopy }
  /** `since`: what was deleted before cannot be restored. */
  | { readonly do: 'restore'; readonly since: string }
  | { readonly do: 'record-trashed'; readonly outcome: TrashOutcome; readonly code: string | null }
  | { readonly do: 'record-erased'; readonly erased: number; readonly kept: number }
  | { readonly do: 'hide'; readonly of: OfMessage; readonly pattern: string }
  | { readonly do: 'show'; readonly byHand: boolean }

// ---------------------------------------------------------------- evolve

const evolve = (state: Presence, event: PresenceEvent): Presence => {
  switch (event.type) {
    case 'MessageDeleted': {
      const { deletedAt, provider, ...of } = event.data
      return { status: 'deleted', of, deletedAt, toTrash: provider === 'trash' }
    }
    case 'MessageRestored':
      return { status: 'present', byHand: false }
    case 'MessageTrashed':
      return state.status === 'deleted' ? { ...state, toTrash: false } : state
    case 'MessageBytesErased':
      return state.status === 'deleted' ? { status: 'erased', deletedAt: state.deletedAt } : state
    case 'MessageHidden': {
      const { pattern, ...of } = event.data
      return { status: 'hidden', of, pattern }
    }
    case 'MessageShown':
      return { status: 'present', byHand: event.data.byHand }
  }
}

// ---------------------------------------------------------------- decide

const decide = (command: PresenceCommand, state: Presence): PresenceEvent[] => {
  switch (command.do) {
    case 'delete': {
      const { of, at, provider } = command
      if (state.status === 'deleted' || state.status === 'erased') return []
      return [MessageDeleted({ ...of, deletedAt: at, provider })]
    }
    case 'restore':
      if (state.status === 'erased') throw messageErased()
      if (state.status !== 'deleted') return []
      if (state.deletedAt <= command.since) throw messageErased()
      return [MessageRestored({ ...state.of, deletedAt: state.deletedAt })]
    case 'record-trashed': {
      if (state.status !== 'deleted' || !state.toTrash) return []
      const { messageId, accountId } = state.of
      return [MessageTrashed({ messageId, accountId, outcome: command.outcome, code: command.code })]
    }
    case 'record-erased': {
      if (state.status !== 'deleted') return []
      const { messageId, accountId } = state.of
      return [MessageBytesErased({ messageId, accountId, erased: command.erased, kept: command.kept })]
    }
    case 'hide':
      if (state.status !== 'present' || state.byHand) return []
      return [MessageHidden({ ...command.of, pattern: command.pattern })]
    case 'show':
      if (state.status === 'deleted' || state.status === 'erased') throw new NotFound('message')
      if (state.status !== 'hidden') return []
      return [MessageShown({ ...state.of, pattern: state.pattern, byHand: command.byHand })]
  }
}

const messageErased = defineRefusal('message-erased', {
  title: 'Deleted for good',
  meaning: 'The message was deleted so long ago that its content is no longer kept.',
  remedy: 'Look for it in the mailbox itself; Mailtrail does not fetch it again.',
})

export const presence: Decider<Presence, PresenceCommand, PresenceEvent> = {
  initial: { status: 'present', byHand: false },
  evolve,
  decide,
}

/** `presence-<messageId>` */
export const presenceStream = (messageId: string): string => `presence-${messageId}`
