/** Accounts whose mailbox has hinted at something new. However often it does, an account is there once until it is taken. */
export type Hints = {
  readonly add: (accountId: string) => void
  /** The one that has waited the longest of those that may be taken; null where there is none. */
  readonly take: (mayBeTaken: (accountId: string) => boolean) => string | null
  /** Calls the listener at each hint; the answer ends that. */
  readonly onHint: (listener: () => void) => () => void
}

export const hintsOfMailboxes = (): Hints => {
  const waiting = new Set<string>()
  const listeners = new Set<() => void>()
  return {
    add: (accountId) => {
      waiting.add(accountId)
      for (const listener of listeners) listener()
    },
    take: (mayBeTaken) => {
      for (const accountId of waiting)
        if (mayBeTaken(accountId)) {
          waiting.delete(accountId)
          return accountId
        }
      return null
    },
    onHint: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
