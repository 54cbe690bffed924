import { collectDefaultMetrics, Registry } from 'prom-client'
import { within } from '../../std/within.ts'

/** A registry of metrics, and values to look up before each reading. Each meter has its own: nothing is shared. */
export type Meter = {
  readonly registry: Registry
  /** Looks something up before each reading, and shows it; null if that failed or took too long. */
  beforeReading<Value>(look: () => Promise<Value>, show: (value: Value | null) => void): void
  /** All metrics, in Prometheus' text format. */
  read(): Promise<string>
}

const LOOK_MS = 3000

/** Histogram bounds in seconds: for operations that take milliseconds and must not take minutes. */
export const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** A meter with prom-client's default metrics of Node: event loop, memory, garbage collection, handles. */
export const openMeter = (): Meter => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const looks: (() => Promise<void>)[] = []
  return {
    registry,
    beforeReading: (look, show) => void looks.push(async () => show(await inTime(look))),
    read: async () => {
      await Promise.all(looks.map((look) => look()))
      return registry.metrics()
    },
  }
}

const inTime = async <Value>(look: () => Promise<Value>): Promise<Value | null> => {
  try {
    return await within(look(), LOOK_MS, () => null)
  } catch {
    // If the lookup fails, its metrics are missing, which is what to alert on.
    return null
  }
}
