/**
 * Accounts whose mailbox has hinted at something new. An account is listed once until it is taken, however many hints
 * there are.
 */
export type Hints = {
  readonly add: (accountId: string) => void
  readonly has: (accountId: string) => boolean
  /** Takes the one that has waited longest among those allowed; null if there is none. */
  readonly take: (mayBeTaken: (accountId: string) => boolean) => string | null
  /** Calls the listener at each hint; the returned function ends that. */
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
    has: (accountId) => waiting.has(accountId),
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
