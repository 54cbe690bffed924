import fs from 'node:fs'

export type Kept = {
  readonly id: string
  readonly stream: string
  readonly revision: number
  readonly commit: number
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly metadata: readonly [string, string][]
  readonly data: Uint8Array
  readonly customMetadata: Uint8Array
}

export type Proposed = Pick<Kept, 'id' | 'metadata' | 'data' | 'customMetadata'>

/** The revision that a stream must be at, -1 for no stream. */
type Expected = number | 'any'

export type DoubleLog = {
  readonly events: readonly Kept[]
  readonly of: (stream: string) => readonly Kept[]
  /**
   * Writes them, unless these same events are already at that place; durable on return if there is a file.
   *
   * @returns the events at that place, or null if the stream is at another revision
   */
  append(
    stream: string,
    expected: Expected,
    proposed: readonly Proposed[],
  ): { readonly there: readonly Kept[]; readonly isRepeat: boolean } | null
}

/**
 * The events of a double of EventStoreDB, with the server's rules of revisions and idempotence
 * (`IndexWriter.CheckCommit` of version 24.6). With a `file` they outlive the process, killed or not.
 */
export const doubleLog = (file?: string): DoubleLog => {
  const events: Kept[] = []
  const streams = new Map<string, Kept[]>()
  const add = (event: Kept): void => {
    events.push(event)
    const history = streams.get(event.stream)
    if (history) history.push(event)
    else streams.set(event.stream, [event])
  }
  const handle = file === undefined ? null : fs.openSync(file, 'a')
  if (file !== undefined) for (const event of readWhole(file)) add(event)

  const write = (kept: readonly Kept[]): void => {
    for (const event of kept) add(event)
    if (handle === null) return
    fs.writeSync(handle, `${JSON.stringify(kept.map(toText))}\n`)
    fs.fdatasyncSync(handle)
  }

  return {
    events,
    of: (stream) => streams.get(stream) ?? [],
    append: (stream, expected, proposed) => {
      const history = streams.get(stream) ?? []
      const next = expected === 'any' ? history.length : expected + 1
      if (next > history.length) return null
      const there = history.slice(next, next + proposed.length)
      const isRepeat =
        there.length === proposed.length && there.every(({ id }, nth) => id === proposed[nth]!.id)
      if (isRepeat) return { there, isRepeat }
      if (next < history.length) return null
      const before = events.at(-1)
      // In bytes, as the server counts, and beyond what 32 bits hold.
      let commit = before ? before.commit + 100 + before.data.length : 2 ** 33
      const kept = proposed.map((event, nth) => {
        const place = { stream, revision: next + nth, commit, createdAt: Date.now() }
        commit += 100 + event.data.length
        return { ...event, ...place }
      })
      write(kept)
      return { there: kept, isRepeat }
    },
  }
}

type Text = Omit<Kept, 'data' | 'customMetadata'> & {
  readonly data: string
  readonly customMetadata: string
}

const toText = (event: Kept): Text => ({
  ...event,
  data: Buffer.from(event.data).toString('base64'),
  customMetadata: Buffer.from(event.customMetadata).toString('base64'),
})

/** All that was written, one append a line; cuts off a line that a kill left unfinished: nobody was told of it. */
const readWhole = (file: string): Kept[] => {
  const text = fs.readFileSync(file, 'utf8')
  const end = text.lastIndexOf('\n') + 1
  fs.truncateSync(file, Buffer.byteLength(text.slice(0, end)))
  return text
    .slice(0, end)
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => JSON.parse(line) as Text[])
    .map((event) => ({
      ...event,
      data: Buffer.from(event.data, 'base64'),
      customMetadata: Buffer.from(event.customMetadata, 'base64'),
    }))
}
