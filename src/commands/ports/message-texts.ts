import type { SearchText } from './parser.ts'

/** `messageId` is `msg_…`, or `out_…` for an email of ours and its copy in the mailbox. */
export type MessageText = SearchText & {
  readonly messageId: string
  readonly accountId: string
  readonly receivedAt: string
}

/**
 * What messages are found by. It comes from their bytes and can be made of them again; whether a message is there, and
 * who may see it, is said elsewhere.
 */
export type MessageTexts = {
  /** Replaces what there was of these messages. */
  put(texts: readonly MessageText[]): Promise<void>
  remove(messageIds: readonly string[]): Promise<void>
}
