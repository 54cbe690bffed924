import { z } from 'zod'
import { accountId, excludePattern } from '../accounts/events.ts'
import { defineEvent, type EventOf } from '../event.ts'
import { idOf } from '../ids.ts'
import { instant } from '../mail.ts'

// In the stream `presence-<messageId>`: whether a message is in the lists, in threads and in figures, whatever becomes of
// its places in the mailbox. An email of ours has its own id, whose copies are the same message.

/** What is counted of a message, and when; a draft is not counted. */
const ofMessage = {
  messageId: idOf('msg', 'out'),
  accountId,
  direction: z.enum(['in', 'out', 'draft']),
  receivedAt: instant,
}

/** What a person wants to become of the copies at the provider: nothing, or that they move into its trash. */
export const providerCopy = z.enum(['keep', 'trash'])
export type ProviderCopy = z.infer<typeof providerCopy>

/** A person deleted the message. It stays known, so that no sync brings it back. */
export const MessageDeleted = defineEvent(
  'MessageDeleted',
  z.object({ ...ofMessage, deletedAt: instant, provider: providerCopy }),
)
/** The deletion of `deletedAt` was undone. */
export const MessageRestored = defineEvent('MessageRestored', z.object({ ...ofMessage, deletedAt: instant }))
/**
 * What became of the copies at the provider of a message that was deleted with them. `none`: they were gone already.
 * `impossible`: `code` says why.
 */
export const MessageTrashed = defineEvent(
  'MessageTrashed',
  z.object({
    messageId: ofMessage.messageId,
    accountId,
    outcome: z.enum(['moved', 'none', 'impossible']),
    code: z.string().nullable(),
  }),
)
export type TrashOutcome = EventOf<typeof MessageTrashed>['data']['outcome']
/** The bytes of a deleted message are erased for good, except those that something else has too. */
export const MessageBytesErased = defineEvent(
  'MessageBytesErased',
  z.object({ messageId: ofMessage.messageId, accountId }),
)
/** An exclude pattern of the account, applied to what is here already, hides the message: the first one that matches. */
export const MessageHidden = defineEvent('MessageHidden', z.object({ ...ofMessage, pattern: excludePattern }))
/**
 * No pattern hides the message any more. `byHand`: somebody wants it shown whatever the patterns say, until they let
 * the patterns decide again.
 */
export const MessageShown = defineEvent('MessageShown', z.object({ ...ofMessage, byHand: z.boolean() }))
/** Those that change whether a message is in the lists. */
export const presenceChanges = [MessageDeleted, MessageRestored, MessageHidden, MessageShown] as const
export type PresenceChange = EventOf<(typeof presenceChanges)[number]>
export const presenceEvents = [...presenceChanges, MessageTrashed, MessageBytesErased] as const
export type PresenceEvent = EventOf<(typeof presenceEvents)[number]>
