/** What a user is doing in a conversation. */
export type Presence = {
  readonly conversationId: string
  readonly accountId: string
  readonly userId: string
  readonly doing: 'viewing' | 'writing'
}

/** Who is in a conversation now: known for a short time after they said so last, and told to every process at once. */
export type ConversationPresence = {
  readonly put: (presence: Presence, lastsMs: number) => Promise<void>
  readonly list: (
    conversationId: string,
  ) => Promise<{ readonly userId: string; readonly doing: 'viewing' | 'writing' }[]>
  /** @returns ends that */
  readonly onTold: (listener: (presence: Presence) => void) => () => void
  readonly close: () => Promise<void>
}
