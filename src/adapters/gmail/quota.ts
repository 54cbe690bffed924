import { pause } from '../../std/pause.ts'

const MINUTE_MS = 60_000

/**
 * What Gmail's methods cost in quota units (Gmail API, "Usage limits"). A user has 6,000 units a minute; older projects
 * have 15,000.
 */
export const COST = {
  profile: 1,
  labels: 1,
  list: 5,
  history: 2,
  get: 20,
  insert: 25,
  trash: 20,
  draft: 10,
  update: 15,
  send: 100,
  watch: 100,
} as const

/** A token bucket that may be overdrawn: who takes more than there is waits until it would have been there. */
export type Bucket = { readonly free: number; readonly at: number }

/** As much may be used at once as keeps a full minute, begun with a full bucket, within four thirds of its rate. */
const burstOf = (unitsPerMinute: number): number => unitsPerMinute / 3

export const fullBucket = (unitsPerMinute: number, now: number): Bucket => ({
  free: burstOf(unitsPerMinute),
  at: now,
})

export const takeFrom = (
  { free, at }: Bucket,
  units: number,
  unitsPerMinute: number,
  now: number,
): { readonly bucket: Bucket; readonly waitMs: number } => {
  const refilled = Math.min(burstOf(unitsPerMinute), free + ((now - at) * unitsPerMinute) / MINUTE_MS)
  const left = refilled - units
  return { bucket: { free: left, at: now }, waitMs: left >= 0 ? 0 : (-left * MINUTE_MS) / unitsPerMinute }
}

/** Waits until so many units may be used, or until the signal aborts. */
export type Quota = (units: number, signal: AbortSignal) => Promise<void>

export const quota = (unitsPerMinute: number): Quota => {
  let bucket = fullBucket(unitsPerMinute, performance.now())
  return async (units, signal) => {
    const taken = takeFrom(bucket, units, unitsPerMinute, performance.now())
    bucket = taken.bucket
    if (taken.waitMs > 0) await pause(taken.waitMs, signal)
  }
}
