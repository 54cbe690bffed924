import { pause } from '../std/pause.ts'
import type { Lease, Leases } from './ports/leases.ts'

/**
 * Work done without being asked for: it takes items from a to-do list and runs ordinary commands until the list is
 * empty. `work` returns whether there may be more to do at once.
 */
export type Automation = {
  readonly name: string
  /** The projections whose changes wake it. */
  readonly wakeOn: readonly { readonly name: string }[]
  /** Other signals that wake it: calls the listener on each; returns a function that unsubscribes. */
  readonly onNews?: (listener: () => void) => () => void
  /** It runs at least this often: what becomes due by time sends no signal. */
  readonly everyMs: number
  /**
   * True: run by one process at a time, under a lease of its name; false: run by all, each item under its own lease.
   */
  readonly single: boolean
  /** How many calls of `work` may run at once, so that a long one delays nothing; 1 by default. */
  readonly lanes?: number
  readonly work: (signal: AbortSignal) => Promise<boolean>
}

type AutomationDeps = {
  readonly leases: Leases
  /** Calls the listener whenever one of these projections has advanced; returns a function that unsubscribes. */
  readonly onAdvanced: (projections: readonly string[], listener: () => void) => () => void
  readonly onError: (automation: string, error: unknown) => void
}

const RETRY_MS = 1000
/** How often a process checks whether the one that runs a single automation is gone. */
const HELD_ELSEWHERE_MS = 1000

/**
 * Runs automations until `signal` aborts; then each finishes its current work. Errors are reported, and it continues.
 */
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
  const stopHearing = automation.onNews?.(() => bell.ring())
  const regularly = setInterval(() => bell.ring(), automation.everyMs)
  const lanes = Array.from({ length: automation.lanes ?? 1 }, () => runLane(automation, deps, bell, signal))
  await Promise.all(lanes)
  clearInterval(regularly)
  stopListening()
  stopHearing?.()
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
      // If one lane found something, another may find the next.
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

/** Each ring wakes one waiter; if nobody waits, it is kept for the next. The signal wakes all. */
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
