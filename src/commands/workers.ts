import type { Lease, Leases } from './ports.ts'

/**
 * Something that happens unasked: it looks at a to-do projection and runs ordinary commands until the list is
 * empty. `work` answers whether there may be more to do at once.
 */
export type Automation = {
  readonly name: string
  /** The projections whose news wake it. */
  readonly wakeOn: readonly { readonly name: string }[]
  /** It looks this often in any case: what falls due by time has no news. */
  readonly everyMs: number
  /** Run by one process at a time, under a lease of its name; otherwise by all, each item under its own lease. */
  readonly single: boolean
  readonly work: (signal: AbortSignal) => Promise<boolean>
}

type Parts = {
  readonly leases: Leases
  /** Calls the listener whenever one of these projections has moved on; the answer ends that. */
  readonly onAdvanced: (projections: readonly string[], listener: () => void) => () => void
  readonly onError: (automation: string, error: unknown) => void
}

const RETRY_MS = 1000

/** Runs automations until `signal` aborts; then each ends what it has in hand. Errors are told, and it goes on. */
export const runAutomations = async (
  automations: readonly Automation[],
  parts: Parts,
  signal: AbortSignal,
): Promise<void> => {
  await Promise.all(automations.map((automation) => run(automation, parts, signal)))
}

const run = async (automation: Automation, parts: Parts, signal: AbortSignal): Promise<void> => {
  const bell = new Bell()
  const names = automation.wakeOn.map(({ name }) => name)
  const stopListening = parts.onAdvanced(names, () => bell.ring())
  let lease: Lease | null = null
  try {
    while (!signal.aborted) {
      try {
        if (automation.single && (!lease || lease.signal.aborted))
          lease = await parts.leases.acquire(`automation:${automation.name}`, signal)
        const mine = !automation.single || lease !== null
        const more = mine && (await automation.work(lease ? AbortSignal.any([signal, lease.signal]) : signal))
        if (!more) await bell.wait(automation.everyMs, signal)
      } catch (error) {
        if (signal.aborted) break
        parts.onError(automation.name, error)
        await bell.wait(RETRY_MS, signal)
      }
    }
  } finally {
    stopListening()
    await lease?.release().catch((error: unknown) => parts.onError(automation.name, error))
  }
}

/** Wakes one waiter; a ring while nobody waits is kept for the next wait. */
class Bell {
  #rung = false
  #wake: (() => void) | null = null

  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted)
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', done)
          this.#wake = null
          resolve()
        }
        const timer = setTimeout(done, ms)
        signal.addEventListener('abort', done, { once: true })
        this.#wake = done
      })
    this.#rung = false
  }
}
