import { mkdirSync } from 'node:fs'
import { readdir, rename, unlink } from 'node:fs/promises'
import type { HitSpool, SpooledHit } from '../../commands/ports/tracking.ts'
import { pause } from '../../std/pause.ts'
import {
  fileOf,
  isMissing,
  lineOf,
  openSegment,
  readSegment,
  sealFile,
  segmentOf,
  type Segment,
  type SegmentWriter,
} from './segment.ts'

export type Spool = HitSpool & {
  /**
   * Passes every hit to `record`, segment by segment and oldest first, and deletes a segment when `record` has
   * acknowledged all of it; runs until `signal` aborts. A segment may be passed more than once, with the same content.
   * Takes over segments of processes that are gone.
   */
  pump(record: (hits: readonly SpooledHit[]) => Promise<unknown>, signal: AbortSignal): Promise<void>
  /** Seals the open segment, so that the next start need not wait for it. */
  close(): Promise<void>
}

export type SpoolOptions = {
  readonly folder: string
  /** Maximum time for which a segment is written. */
  readonly sealMs?: number
  readonly onProblem: (problem: SpoolProblem) => void
}

export type SpoolProblem =
  | { readonly kind: 'not-recorded'; readonly error: unknown }
  | { readonly kind: 'not-synced'; readonly error: unknown }
  | { readonly kind: 'damaged'; readonly segment: string; readonly lines: number }

const SEGMENT_BYTES = 4 * 1024 * 1024
const RETRY_MS = { first: 250, last: 5000 }

/**
 * The spool of hits in a folder, which other processes may share. A hit is written with `write` before `record`
 * returns, so a kill loses nothing; segments are synced to disk when they are sealed, every second, so a power cut
 * loses at most that.
 */
export const openSpool = ({ folder, sealMs = 1000, onProblem }: SpoolOptions): Spool => {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  let current: SegmentWriter | null = null
  let timer: NodeJS.Timeout | undefined
  const syncing = new Set<Promise<void>>()
  let wake = new AbortController()

  const seal = (): void => {
    clearTimeout(timer)
    const sealed = current?.seal().catch((error: unknown) => onProblem({ kind: 'not-synced', error }))
    current = null
    if (!sealed) return
    syncing.add(sealed)
    void sealed.finally(() => syncing.delete(sealed))
    wake.abort()
  }

  const record: Spool['record'] = (hit) => {
    // Others take over a segment that stays open too long, so after a pause this process must not continue it.
    if (current && (performance.now() - current.openedAt >= sealMs || current.bytes() >= SEGMENT_BYTES))
      seal()
    if (!current) {
      current = openSegment(folder)
      timer = setTimeout(seal, sealMs).unref()
    }
    try {
      current.write(lineOf(hit))
    } catch (error) {
      // A partial line may have been written: do not append to it.
      seal()
      throw error
    }
  }

  const pump: Spool['pump'] = async (handOver, signal) => {
    const due = dueSegments(folder, sealMs * 3, () => current?.name)
    const failed = new Set<string>()
    let retryMs = RETRY_MS.first
    while (!signal.aborted) {
      wake = new AbortController()
      try {
        const segments = await due()
        const order = [
          ...segments.filter(({ name }) => !failed.has(name)),
          ...segments.filter(({ name }) => failed.has(name)),
        ]
        for (const segment of order) {
          if (signal.aborted) return
          failed.add(segment.name)
          await move(folder, segment, handOver, onProblem)
          failed.delete(segment.name)
        }
        retryMs = RETRY_MS.first
        await pause(sealMs, AbortSignal.any([signal, wake.signal]))
      } catch (error) {
        onProblem({ kind: 'not-recorded', error })
        await pause(retryMs, signal)
        retryMs = Math.min(retryMs * 2, RETRY_MS.last)
      }
    }
  }

  return {
    record,
    pump,
    close: async () => {
      seal()
      await Promise.all(syncing)
    },
  }
}

/**
 * Finds the segments to record, oldest first: sealed ones, and open ones of other writers that have been seen for
 * `takeoverMs`, three times as long as a writer keeps one open. Timed here, on the monotonic clock: file times follow a
 * clock that may jump.
 */
const dueSegments = (
  folder: string,
  takeoverMs: number,
  mine: () => string | undefined,
): (() => Promise<Segment[]>) => {
  const seen = new Map<string, number>()
  return async () => {
    const files = await readdir(folder)
    const now = performance.now()
    const segments = files
      .flatMap((file) => segmentOf(file) ?? [])
      .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    const open = new Set(segments.filter(({ state }) => state === 'open').map(({ name }) => name))
    for (const name of seen.keys()) if (!open.has(name)) seen.delete(name)
    return segments.flatMap(({ name, state }): Segment[] => {
      if (state === 'sealed') return [{ name, state }]
      if (name === mine()) return []
      const since = seen.get(name) ?? now
      seen.set(name, since)
      return now - since >= takeoverMs && sealFile(folder, name) ? [{ name, state: 'sealed' }] : []
    })
  }
}

const move = async (
  folder: string,
  segment: Segment,
  handOver: (hits: readonly SpooledHit[]) => Promise<unknown>,
  onProblem: SpoolOptions['onProblem'],
): Promise<void> => {
  const content = await readSegment(folder, segment)
  if (!content) return
  if (content.hits.length > 0) await handOver(content.hits)
  const file = fileOf(folder, segment)
  try {
    if (content.damaged === 0) await unlink(file)
    else {
      onProblem({ kind: 'damaged', segment: segment.name, lines: content.damaged })
      // Kept for inspection under a name that is not a segment's.
      await rename(file, `${file}.damaged`)
    }
  } catch (error) {
    // Another process was faster; its hits are the same as these.
    if (!isMissing(error)) throw error
  }
}
