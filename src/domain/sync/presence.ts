import { isSamePattern, type ExcludePattern } from '../accounts/events.ts'
import type { Decider } from '../decider.ts'
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

export type Presence = {
  readonly deletion: {
    readonly of: OfMessage
    readonly deletedAt: string
    /** Its copies are still to be moved into the provider's trash. */
    readonly toTrash: boolean
    /** Its bytes are not kept any more. */
    readonly erased: boolean
  } | null
  readonly hiddenBy: ExcludePattern | null
  /** Somebody wants it shown, whatever the patterns say. */
  readonly shownByHand: boolean
}

// ---------------------------------------------------------------- commands

export type PresenceCommand =
  | { readonly do: 'delete'; readonly of: OfMessage; readonly at: string; readonly provider: ProviderCopy }
  | { readonly do: 'restore' }
  /** `pattern`: the first that matches it, of those that are applied. `byHand`: somebody no longer wants it shown whatever they say. */
  | {
      readonly do: 'follow-patterns'
      readonly of: OfMessage
      readonly pattern: ExcludePattern | null
      readonly byHand: boolean
    }
  | { readonly do: 'show'; readonly of: OfMessage }
  | { readonly do: 'record-trashed'; readonly outcome: TrashOutcome; readonly code: string | null }
  /** Its bytes, if it was deleted before then. */
  | { readonly do: 'erase'; readonly before: string }

// ---------------------------------------------------------------- evolve

const evolve = (state: Presence, event: PresenceEvent): Presence => {
  switch (event.type) {
    case 'MessageDeleted': {
      const { deletedAt, provider, ...of } = event.data
      return { ...state, deletion: { of, deletedAt, toTrash: provider === 'trash', erased: false } }
    }
    case 'MessageRestored':
      return { ...state, deletion: null }
    case 'MessageTrashed':
      return { ...state, deletion: state.deletion && { ...state.deletion, toTrash: false } }
    case 'MessageBytesErased':
      return { ...state, deletion: state.deletion && { ...state.deletion, erased: true } }
    case 'MessageHidden':
      return { ...state, hiddenBy: event.data.pattern, shownByHand: false }
    case 'MessageShown':
      return { ...state, hiddenBy: null, shownByHand: event.data.byHand }
  }
}

// ---------------------------------------------------------------- decide

const decide = (command: PresenceCommand, { deletion, hiddenBy, shownByHand }: Presence): PresenceEvent[] => {
  switch (command.do) {
    case 'delete': {
      const { of, at, provider } = command
      if (deletion !== null) return []
      return [MessageDeleted({ ...of, deletedAt: at, provider })]
    }
    case 'restore':
      if (deletion === null) return []
      if (deletion.erased) throw messageErased()
      return [MessageRestored({ ...deletion.of, deletedAt: deletion.deletedAt })]
    case 'follow-patterns': {
      const { of, pattern, byHand } = command
      if (shownByHand !== byHand) return []
      if (pattern === null)
        return hiddenBy === null && !byHand ? [] : [MessageShown({ ...of, byHand: false })]
      return hiddenBy !== null && isSamePattern(hiddenBy, pattern) ? [] : [MessageHidden({ ...of, pattern })]
    }
    case 'show':
      return hiddenBy === null ? [] : [MessageShown({ ...command.of, byHand: true })]
    case 'record-trashed': {
      if (!deletion?.toTrash) return []
      const { messageId, accountId } = deletion.of
      return [MessageTrashed({ messageId, accountId, outcome: command.outcome, code: command.code })]
    }
    case 'erase': {
      if (deletion === null || deletion.erased || deletion.deletedAt > command.before) return []
      const { messageId, accountId } = deletion.of
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
  initial: { deletion: null, hiddenBy: null, shownByHand: false },
  evolve,
  decide,
}

/** `presence-<messageId>` */
export const presenceStream = (messageId: string): string => `presence-${messageId}`
