import { turns, type Turns } from '../../std/in-parallel.ts'

/** Graph runs this many requests for a mailbox at once, and refuses others. */
export const AT_ONCE = 4

/** The pace of one mailbox, for all its sessions in this process. `until`: before then Graph takes no requests. */
type Gate = { readonly turn: Turns; until: Date | null }

/** The gate of each mailbox, by its address. */
export const gates = (): ((mailbox: string) => Gate) => {
  const all = new Map<string, Gate>()
  return (mailbox) => {
    const found = all.get(mailbox) ?? { turn: turns(AT_ONCE), until: null }
    all.set(mailbox, found)
    return found
  }
}
