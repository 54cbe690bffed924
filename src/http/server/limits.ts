import ipaddr from 'ipaddr.js'
import type { Clock } from '../../commands/ports/clock.ts'

/** Of an address, whom it stands for: in IPv6 a network of 64 bits, since that is what one customer gets at least. */
export const neighbourhoodOf = (ip: string): string => {
  if (!ipaddr.isValid(ip)) return ip
  const address = ipaddr.process(ip)
  return address instanceof ipaddr.IPv6
    ? ipaddr.IPv6.networkAddressFromCIDR(`${address.toNormalizedString()}/64`).toString()
    : address.toString()
}

const WINDOW_MS = 60_000
const MANY = 10_000

/** What a name has left of its limit: how many, and for how many seconds the count still runs. */
type Left = { readonly remaining: number; readonly seconds: number }

export type Counter = {
  readonly limit: number
  /** Counts one, or as many as it was. */
  readonly count: (name: string, amount?: number) => void
  readonly left: (name: string) => Left
}

/** Counts by name, so many a minute each; a minute begins with its first count. Each process counts for itself. */
export const perMinute = (limit: number, clock: Clock): Counter => {
  const minutes = new Map<string, { count: number; readonly endsAt: number }>()
  const running = (name: string, now: number) => {
    const minute = minutes.get(name)
    // One that has not begun yet is from before the clock was set back.
    return minute && now < minute.endsAt && now >= minute.endsAt - WINDOW_MS ? minute : null
  }
  return {
    limit,
    count: (name, amount = 1) => {
      const now = clock().getTime()
      const minute = running(name, now)
      if (minute) {
        minute.count += amount
        return
      }
      minutes.delete(name)
      // The one that began first: names of attackers are without end.
      if (minutes.size >= MANY) minutes.delete(minutes.keys().next().value ?? '')
      minutes.set(name, { count: amount, endsAt: now + WINDOW_MS })
    },
    left: (name) => {
      const now = clock().getTime()
      const { count, endsAt } = running(name, now) ?? { count: 0, endsAt: now + WINDOW_MS }
      return { remaining: Math.max(0, limit - count), seconds: Math.ceil((endsAt - now) / 1000) }
    },
  }
}
