import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Counter, Gauge, Histogram } from 'prom-client'
import { SECONDS, type Meter } from './meter.ts'

/** `route` is the pattern, never the URL; `none` if no route matched. */
export type AnsweredRequest = {
  readonly method: string
  readonly route: string
  readonly status: number
  readonly ms: number
}

/** Measures response times by route and status. */
export const requestMetrics = ({ registry }: Meter): ((answered: AnsweredRequest) => void) => {
  const duration = new Histogram({
    name: 'mailtrail_http_request_duration_seconds',
    help: 'Time from a request to the end of its response',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers: [registry],
  })
  return ({ method, route, status, ms }) => duration.observe({ method, route, status }, ms / 1000)
}

/** Counts runs of automations, and those that failed. */
export const automationMetrics = ({
  registry,
}: Meter): (<Result>(automation: string, work: () => Promise<Result>) => Promise<Result>) => {
  const labelNames = ['automation']
  const runs = new Counter({
    name: 'mailtrail_automation_runs_total',
    help: 'Runs of an automation, with or without work to do',
    labelNames,
    registers: [registry],
  })
  const errors = new Counter({
    name: 'mailtrail_automation_errors_total',
    help: 'Runs of an automation that ended with an error',
    labelNames,
    registers: [registry],
  })
  return async (automation, work) => {
    errors.inc({ automation }, 0)
    try {
      return await work()
    } catch (error) {
      errors.inc({ automation })
      throw error
    } finally {
      runs.inc({ automation })
    }
  }
}

/** Counts reads of stored content that does not match its hash. */
export const damagedContent = ({ registry }: Meter): (() => void) => {
  const damaged = new Counter({
    name: 'mailtrail_damaged_content_total',
    help: 'Reads of stored content that was refused because it does not match its SHA-256',
    registers: [registry],
  })
  return () => damaged.inc()
}

/** Hits waiting in the spool, from the files in its folder. */
export const spoolMetrics = (meter: Meter, folder: string): void => {
  const registers = [meter.registry]
  const files = new Gauge({
    name: 'mailtrail_spool_files',
    help: 'Spool files waiting to be recorded',
    registers,
  })
  const bytes = new Gauge({ name: 'mailtrail_spool_bytes', help: 'Size of those files', registers })
  const damaged = new Gauge({
    name: 'mailtrail_spool_damaged_files',
    help: 'Files with unreadable lines, kept for inspection',
    registers,
  })
  const look = async () => {
    const names = await readdir(folder)
    const waiting = names.filter((name) => !name.endsWith('.damaged'))
    const sizes = await Promise.all(waiting.map((name) => sizeOf(join(folder, name))))
    return { waiting: waiting.length, damaged: names.length - waiting.length, sizes }
  }
  meter.beforeReading(look, (found) => {
    files.set(found?.waiting ?? 0)
    bytes.set(found?.sizes.reduce((sum, size) => sum + size, 0) ?? 0)
    damaged.set(found?.damaged ?? 0)
  })
}

/** A file that has been recorded meanwhile is gone. */
const sizeOf = async (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  )
