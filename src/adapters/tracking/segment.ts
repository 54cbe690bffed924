import { randomUUID } from 'node:crypto'
import { closeSync, fdatasync, openSync, renameSync, writeSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { SpooledHit, TrackedHit } from '../../commands/ports/tracking.ts'
import { catalogue } from '../../domain/catalogue.ts'

/**
 * A segment of the spool: a file with one JSON line per hit, named by the time and a UUID. An `.open` one is being
 * written, a `.sealed` one never again.
 */
export type Segment = { readonly name: string; readonly state: 'open' | 'sealed' }

const NAME = /^(\d{15}-[0-9a-f-]{36})\.(open|sealed)$/

/** The segment that a file of the spool holds; null if it is not one. */
export const segmentOf = (file: string): Segment | null => {
  const [, name, state] = NAME.exec(file) ?? []
  return name && (state === 'open' || state === 'sealed') ? { name, state } : null
}

export const fileOf = (folder: string, { name, state }: Segment): string =>
  path.join(folder, `${name}.${state}`)

/** Seals a segment whose writer is gone. False if somebody else has already done so. */
export const sealFile = (folder: string, name: string): boolean => {
  try {
    renameSync(fileOf(folder, { name, state: 'open' }), fileOf(folder, { name, state: 'sealed' }))
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** The file does not exist (any more). */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

export type SegmentWriter = {
  readonly name: string
  readonly openedAt: number
  readonly bytes: () => number
  write(line: Buffer): void
  /** Ends writing; resolves when the segment would survive a power cut. */
  seal(): Promise<void>
}

/** A new segment. Times are of the monotonic clock, in ms. */
export const openSegment = (folder: string): SegmentWriter => {
  const name = `${String(Date.now()).padStart(15, '0')}-${randomUUID()}`
  const file = openSync(fileOf(folder, { name, state: 'open' }), 'ax', 0o600)
  let bytes = 0
  return {
    name,
    openedAt: performance.now(),
    bytes: () => bytes,
    write: (line) => {
      for (let done = 0; done < line.length;) {
        const written = writeSync(file, line, done)
        done += written
        bytes += written
      }
    },
    seal: async () => {
      try {
        sealFile(folder, name)
        await promisify(fdatasync)(file)
        await syncFolder(folder)
      } finally {
        closeSync(file)
      }
    },
  }
}

const syncFolder = async (folder: string): Promise<void> => {
  // On Windows a folder cannot be opened for syncing, and need not be.
  if (process.platform === 'win32') return
  await using handle = await open(folder)
  await handle.sync()
}

/** Content of a segment. `damaged` counts invalid lines; bytes after the last line end were never acknowledged. */
export type SegmentContent = { readonly hits: readonly SpooledHit[]; readonly damaged: number }

/** @returns null if the segment no longer exists */
export const readSegment = async (folder: string, segment: Segment): Promise<SegmentContent | null> => {
  const content = await readFile(fileOf(folder, segment)).catch((error: unknown) => {
    if (isMissing(error)) return null
    throw error
  })
  if (!content) return null
  const hits: SpooledHit[] = []
  let damaged = 0
  for (
    let start = 0, end = content.indexOf(10);
    end >= 0;
    start = end + 1, end = content.indexOf(10, start)
  ) {
    const hit = hitOf(content.toString('utf8', start, end))
    if (hit) hits.push({ source: `${segment.name}:${start}`, hit })
    else damaged++
  }
  return { hits, damaged }
}

export const lineOf = (hit: TrackedHit): Buffer => Buffer.from(`${JSON.stringify(hit)}\n`, 'utf8')

const hitOf = (line: string): TrackedHit | null => {
  try {
    const { type, data } = JSON.parse(line) as { type: unknown; data: unknown }
    if (type !== 'OpenTracked' && type !== 'ClickTracked') return null
    const read = catalogue.get(type)?.schema.safeParse(data)
    return read?.success ? ({ type, data: read.data } as TrackedHit) : null
  } catch {
    // Not JSON, or not a JSON object.
    return null
  }
}
