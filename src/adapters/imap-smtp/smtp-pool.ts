import { createHash } from 'node:crypto'
import type { EgressGuard } from '../network/egress-guard.ts'
import { secretOf, type ServerLogin } from './connection.ts'
import { unavailable } from './problems.ts'
import { openSmtp, type SmtpLink } from './smtp-connection.ts'

export type PoolLimits = {
  readonly connectionsPerLogin: number
  readonly messagesPerConnection: number
  readonly idleMs: number
}

/** A connection for one email. `reused`: it was already open, so the server may have dropped it since. */
export type Loan = SmtpLink & { readonly reused: boolean; giveBack(healthy: boolean): void }

export type SmtpPool = {
  /** @throws MailUnavailable */
  borrow(login: ServerLogin, signal: AbortSignal): Promise<Loan>
  /** Idle connections end now, lent ones when they are returned. */
  close(): void
}

const FAREWELL_MS = 2000

type Held = { link: SmtpLink; sent: number; timer: NodeJS.Timeout | undefined }
type Shelf = { open: number; idle: Held[]; waiting: (() => void)[] }

/** Tells logins apart without storing the secret in a key. */
const nameOf = (login: ServerLogin): string =>
  createHash('sha256')
    .update(JSON.stringify([login.host, login.port, login.encryption, login.username, secretOf(login)]))
    .digest('base64')

/** Says QUIT, and does not wait long for an answer. */
const leave = ({ connection }: SmtpLink): void => {
  connection.quit()
  setTimeout(() => connection.close(), FAREWELL_MS).unref()
}

/** Keeps connections open between emails, a few for each login. */
export const smtpPool = (guard: EgressGuard, limits: PoolLimits): SmtpPool => {
  const shelves = new Map<string, Shelf>()
  let closed = false

  const shelfOf = (name: string): Shelf => {
    const shelf = shelves.get(name) ?? { open: 0, idle: [], waiting: [] }
    shelves.set(name, shelf)
    return shelf
  }

  /** With one connection fewer, somebody who waits may open another. */
  const forget = (name: string): void => {
    const shelf = shelfOf(name)
    shelf.open -= 1
    if (shelf.open === 0 && shelf.waiting.length === 0) shelves.delete(name)
    else shelf.waiting.shift()?.()
  }

  const takeIdle = (name: string, held: Held | undefined): boolean => {
    const shelf = shelfOf(name)
    if (held === undefined || !shelf.idle.includes(held)) return false
    clearTimeout(held.timer)
    shelf.idle = shelf.idle.filter((each) => each !== held)
    return true
  }

  const keepIdle = (name: string, held: Held): void => {
    const shelf = shelfOf(name)
    held.timer = setTimeout(() => {
      if (!takeIdle(name, held)) return
      leave(held.link)
      forget(name)
    }, limits.idleMs).unref()
    shelf.idle.push(held)
    shelf.waiting.shift()?.()
  }

  /** Resolves when a connection, or the right to open one, may have become free, or nobody waits for it any more. */
  const turn = (shelf: Shelf, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake)
        shelf.waiting = shelf.waiting.filter((each) => each !== wake)
        resolve()
      }
      shelf.waiting.push(wake)
      signal.addEventListener('abort', wake, { once: true })
    })

  const lend = (name: string, held: Held, reused: boolean): Loan => {
    let lent = true
    return {
      ...held.link,
      reused,
      giveBack: (healthy) => {
        if (!lent) return
        lent = false
        held.sent += 1
        const alive = healthy && !held.link.connection.destroyed
        if (alive && !closed && held.sent < limits.messagesPerConnection) return keepIdle(name, held)
        if (alive) leave(held.link)
        else held.link.connection.close()
        forget(name)
      },
    }
  }

  const open = async (name: string, login: ServerLogin, signal: AbortSignal): Promise<Loan> => {
    shelfOf(name).open += 1
    try {
      const held: Held = { link: await openSmtp(guard, login, signal), sent: 0, timer: undefined }
      // A server may end an idle session at any time; on a lent one, the borrower notices.
      held.link.connection.once('end', () => {
        if (takeIdle(name, held)) forget(name)
      })
      return lend(name, held, false)
    } catch (error) {
      forget(name)
      throw error
    }
  }

  return {
    borrow: async (login, signal) => {
      const name = nameOf(login)
      for (;;) {
        const shelf = shelfOf(name)
        if (closed || signal.aborted) {
          // Whoever gave up may have been woken for something that the next one can use.
          shelf.waiting.shift()?.()
          throw unavailable('stopped')
        }
        const idle = shelf.idle.at(-1)
        if (idle !== undefined && takeIdle(name, idle)) return lend(name, idle, true)
        if (shelf.open < limits.connectionsPerLogin) return open(name, login, signal)
        await turn(shelf, signal)
      }
    },
    close: () => {
      closed = true
      for (const [name, shelf] of shelves) {
        for (const held of shelf.idle) {
          if (takeIdle(name, held)) leave(held.link)
        }
        for (const wake of shelf.waiting) wake()
      }
    },
  }
}
