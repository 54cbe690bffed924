import type { Position } from '../../domain/event.ts'
import { entry, entryStream, isThere, type Entry, type RemovableKind } from '../../domain/directory/entry.ts'
import { Refused } from '../../domain/refusal.ts'
import { inParallel, turnsByKey } from '../../std/in-parallel.ts'
import { eventIdOf, type Caller, type Handle, type Load } from '../handle.ts'
import { refuseEverybodys, type IsEverybodys } from './company-domains.ts'
import { RevisionConflict } from '../ports/event-log.ts'
import { refuseUnknownTimeZone } from './put-entry.ts'

/** A line of an import, counted from 1: a record to put or to remove, or why it is neither. */
export type ImportLine = { readonly line: number } & (
  | { readonly put: Exclude<Entry, { kind: 'organization' }> }
  | { readonly remove: { readonly kind: RemovableKind; readonly id: string } }
  | { readonly reason: string }
)

type Counted = 'created' | 'changed' | 'unchanged' | 'removed'

/** What became of the lines. `errors` are the first of those that failed; `position` is that of the last change. */
export type Imported = Record<Counted | 'failed', number> & {
  readonly errors: { readonly line: number; readonly reason: string }[]
  position: Position | null
}

/** So many lines are read from the log together, and written to it together; twice as many are held at any time. */
const BATCH = 500
const MOST_ERRORS = 100

export type ImportDeps = {
  readonly handle: Handle
  readonly load: Load
  readonly isEverybodys: IsEverybodys
}

/**
 * Puts and removes records line by line. A line that cannot be taken does not hold up the others, and one that changes
 * nothing appends nothing: an import that was broken off is completed by doing it again.
 */
export const importRecords =
  (deps: ImportDeps) =>
  async (caller: Caller, lines: AsyncIterable<ImportLine>): Promise<Imported> => {
    const imported: Imported = {
      created: 0,
      changed: 0,
      unchanged: 0,
      removed: 0,
      failed: 0,
      errors: [],
      position: null,
    }
    const take = takeLine(deps, caller, imported)
    let running = Promise.resolve<unknown>(null)
    try {
      for await (const batch of inBatches(lines)) {
        await running
        running = inParallel(batch, BATCH, take)
        // It is awaited with the next batch.
        running.catch(() => {})
      }
    } finally {
      await running
    }
    const errors = imported.errors.toSorted((one, other) => one.line - other.line).slice(0, MOST_ERRORS)
    return { ...imported, errors }
  }

const inBatches = async function* (lines: AsyncIterable<ImportLine>): AsyncGenerator<ImportLine[]> {
  let batch: ImportLine[] = []
  for await (const line of lines) {
    batch.push(line)
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

const takeLine = (deps: ImportDeps, caller: Caller, imported: Imported) => {
  // Lines about one record are taken in their order.
  const inTurn = turnsByKey()
  return async (line: ImportLine): Promise<void> => {
    if ('reason' in line) return fail(imported, line)
    const { kind, id } = 'put' in line ? line.put : line.remove
    try {
      const { became, position } = await inTurn(entryStream(kind, id), () => apply(deps, caller, line))
      imported[became]++
      if (position !== null && position > (imported.position ?? '')) imported.position = position
    } catch (error) {
      fail(imported, { line: line.line, reason: reasonOf(error) })
    }
  }
}

const apply = async (
  { load, handle, isEverybodys }: ImportDeps,
  caller: Caller,
  line: Exclude<ImportLine, { readonly reason: string }>,
): Promise<{ became: Counted; position: Position | null }> => {
  if ('put' in line) {
    refuseUnknownTimeZone(line.put)
    refuseEverybodys(isEverybodys, line.put)
  }
  const { kind, id } = 'put' in line ? line.put : line.remove
  const stream = entryStream(kind, id)
  const known = await load(entry, stream)
  const command =
    'put' in line ? ({ do: 'put', entry: line.put } as const) : ({ do: 'remove', kind, id } as const)
  // Each line is a command of its own, and another one for each version of its record.
  const commandId = eventIdOf(caller.commandId, stream, known.revision + 1)
  const { revision, position } = await handle(
    entry,
    stream,
    command,
    { ...caller, commandId },
    { known, isThere },
  )
  if (revision === known.revision) return { became: 'unchanged', position: null }
  if ('remove' in line) return { became: 'removed', position }
  return { became: isThere(known.state) ? 'changed' : 'created', position }
}

const fail = (imported: Imported, { line, reason }: { line: number; reason: string }): void => {
  imported.failed++
  // Those of one batch come in any order.
  if (imported.errors.length < MOST_ERRORS + BATCH) imported.errors.push({ line, reason })
}

/** @throws the error, if it is no fault of the line */
const reasonOf = (error: unknown): string => {
  if (error instanceof Refused) return `${error.message} ${error.remedy}`
  if (error instanceof RevisionConflict) return 'The record was changed at the same moment. Import it again.'
  throw error
}
