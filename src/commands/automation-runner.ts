import { pause } from '../std/pause.ts'
import type { Lease, Leases } from './ports/leases.ts'

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
  /** How many calls of `work` may run at once, so that a long one keeps nothing waiting; 1 when left out. */
  readonly lanes?: number
  readonly work: (signal: AbortSignal) => Promise<boolean>
}

type AutomationDeps = {
  readonly leases: Leases
  /** Calls the listener whenever one of these projections has moved on; the answer ends that. */
  readonly onAdvanced: (projections: readonly string[], listener: () => void) => () => void
  readonly onError: (automation: string, error: unknown) => void
}

const RETRY_MS = 1000
/** How often a process looks whether the one that runs a single automation is gone. */
const HELD_ELSEWHERE_MS = 1000

/** Runs automations until `signal` aborts; then each ends what it has in hand. Errors are told, and it goes on. */
export const runAutomations = async (
  automations: readonly Automation[],
  deps: AutomationDeps,
  signal: AbortSignal,
): Promise<void> => {
  await Promise.all(automations.map((automation) => run(automation, deps, signal)))
}

const run = async (automation: Automation, deps: AutomationDeps, signal: AbortSignal): Promise<void> => {
  const bell = new Bell(signal)
  const names = automation.wakeOn.map(({ name }) => name)
  const stopListening = deps.onAdvanced(names, () => bell.ring())
  const regularly = setInterval(() => bell.ring(), automation.everyMs)
  const lanes = Array.from({ length: automation.lanes ?? 1 }, () => runLane(automation, deps, bell, signal))
  await Promise.all(lanes)
  clearInterval(regularly)
  stopListening()
}

const runLane = async (
  automation: Automation,
  deps: AutomationDeps,
  bell: Bell,
  signal: AbortSignal,
): Promise<void> => {
  let lease: Lease | null = null
  while (!signal.aborted) {
    try {
      if (automation.single && (!lease || lease.signal.aborted))
        lease = await deps.leases.acquire(`automation:${automation.name}`, signal)
      if (automation.single && !lease) {
        await pause(HELD_ELSEWHERE_MS, signal)
        continue
      }
      const more = await automation.work(lease ? AbortSignal.any([signal, lease.signal]) : signal)
      // Where one lane found something, another may find the next.
      if (more) bell.ring()
      else await bell.rung()
    } catch (error) {
      if (signal.aborted) break
      deps.onError(automation.name, error)
      await pause(RETRY_MS, signal)
    }
  }
  await lease?.release().catch((error: unknown) => deps.onError(automation.name, error))
}

/** Each ring wakes one who waits; a ring that nobody waits for is kept for the next. The signal wakes all. */
class Bell {
  #kept = false
  readonly #waiting: (() => void)[] = []
  readonly #signal: AbortSignal

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', () => this.#waiting.splice(0).forEach((wake) => wake()), { once: true })
  }

  ring(): void {
    const wake = this.#waiting.shift()
    if (wake) wake()
    else this.#kept = true
  }

  async rung(): Promise<void> {
    if (!this.#kept && !this.#signal.aborted)
      await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    this.#kept = false
  }
}
