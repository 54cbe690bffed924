import { ownMember } from '../own-member.ts'
import type { Json } from '../event.ts'

/**
 * One difference between two states, as in a JSON Patch (RFC 6902), with what was there before. `path` is a JSON Pointer
 * (RFC 6901). Changes applied in their order lead from one state to the other.
 */
export type Change =
  | { readonly op: 'add'; readonly path: string; readonly after: Json }
  | { readonly op: 'replace'; readonly path: string; readonly before: Json; readonly after: Json }
  | { readonly op: 'remove'; readonly path: string; readonly before: Json }

/** What differs between two states of plain JSON, field by field; a field that is undefined is not there. */
export const changesBetween = (before: Json | undefined, after: Json | undefined, path = ''): Change[] => {
  if (before === undefined) return after === undefined ? [] : [{ op: 'add', path, after }]
  if (after === undefined) return [{ op: 'remove', path, before }]
  if (Array.isArray(before) && Array.isArray(after)) return changesInList(before, after, path)
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return names.flatMap((name) =>
      changesBetween(ownMember(before, name), ownMember(after, name), `${path}/${escaped(name)}`),
    )
  }
  return before === after ? [] : [{ op: 'replace', path, before, after }]
}

const changesInList = (before: readonly Json[], after: readonly Json[], path: string): Change[] => {
  const shared = Math.min(before.length, after.length)
  const indices = Array.from({ length: shared }, (_, index) => index)
  return [
    ...indices.flatMap((index) => changesBetween(before[index], after[index], `${path}/${index}`)),
    ...after.slice(shared).map((added, index): Change => ({
      op: 'add',
      path: `${path}/${shared + index}`,
      after: added,
    })),
    // From the end, so that each index still holds when it is removed.
    ...before
      .slice(shared)
      .map((removed, index): Change => ({ op: 'remove', path: `${path}/${shared + index}`, before: removed }))
      .toReversed(),
  ]
}

const isObject = (value: Json): value is { [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** RFC 6901 3. */
const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')
