import { Counter, Gauge } from 'prom-client'
import type { Lease, Leases } from '../../commands/ports/leases.ts'
import type { Meter } from './meter.ts'

/** The leases, with metrics for those that this process holds and those it lost. */
export const measuredLeases = (leases: Leases, meter: Meter): Leases => {
  const held = new Set<Lease>()
  const lost = new Counter({
    name: 'mailtrail_leases_lost_total',
    help: 'Leases that expired or were taken over while this process held them',
    registers: [meter.registry],
  })
  const count = new Gauge({
    name: 'mailtrail_leases_held',
    help: 'Leases held by this process: projections, automations, accounts',
    registers: [meter.registry],
  })
  const letGo = (lease: Lease): boolean => {
    const had = held.delete(lease)
    count.set(held.size)
    return had
  }
  count.set(0)
  return {
    acquire: async (name, signal) => {
      const lease = await leases.acquire(name, signal)
      if (!lease) return null
      held.add(lease)
      count.set(held.size)
      lease.signal.addEventListener('abort', () => void (letGo(lease) && lost.inc()), { once: true })
      return {
        ...lease,
        release: async () => {
          letGo(lease)
          await lease.release()
        },
      }
    },
  }
}
