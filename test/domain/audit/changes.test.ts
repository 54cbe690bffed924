import fc from 'fast-check'
import t from 'tap'
import { changesBetween, type Change } from '../../../src/domain/audit/changes.ts'
import type { Json } from '../../../src/domain/event.ts'

/** RFC 6902 4, for the three operations that there are. */
const patched = (state: Json, changes: readonly Change[]): Json => {
  const root: { [name: string]: Json } = { '': structuredClone(state) }
  for (const { op, path, ...change } of changes) {
    const names = path.split('/').map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = names.pop() ?? ''
    const parent = names.reduce<Json>((of, name) => (of as { [name: string]: Json })[name] ?? null, root)
    const members = parent as { [name: string]: Json }
    const value = structuredClone('after' in change ? change.after : null)
    if (op === 'remove' && Array.isArray(parent)) parent.splice(Number(last), 1)
    else if (op === 'remove') delete members[last]
    else Object.defineProperty(members, last, { value, enumerable: true, configurable: true, writable: true })
  }
  return root[''] ?? null
}

const json = fc.jsonValue({ depthSize: 'small' }).map((value) => JSON.parse(JSON.stringify(value)) as Json)

t.test('changes between two states, applied to the first, give the second', async (t) => {
  fc.assert(
    fc.property(json, json, (before, after) => {
      t.strictSame(patched(before, changesBetween(before, after)), after)
    }),
  )
})

t.test('equal states have no changes', async (t) => {
  fc.assert(
    fc.property(json, (state) => {
      t.strictSame(changesBetween(state, structuredClone(state)), [])
    }),
  )
})

t.test('a field may be called as something that every object inherits', async (t) => {
  const named = JSON.parse('{"valueOf":0,"constructor":1,"__proto__":2}') as Json
  t.strictSame(changesBetween(named, {}), [
    { op: 'remove', path: '/valueOf', before: 0 },
    { op: 'remove', path: '/constructor', before: 1 },
    { op: 'remove', path: '/__proto__', before: 2 },
  ])
  t.strictSame(
    changesBetween({}, named).map((change) => change.op),
    ['add', 'add', 'add'],
  )
})

t.test('a change names the field, what it was and what it is', async (t) => {
  t.strictSame(
    changesBetween(
      { status: 'draft', to: ['ann'], 'a/b~c': 1, gone: true },
      { status: 'queued', to: ['ann', 'mia'], 'a/b~c': 2 },
      '/outgoing/out_1',
    ),
    [
      { op: 'replace', path: '/outgoing/out_1/status', before: 'draft', after: 'queued' },
      { op: 'add', path: '/outgoing/out_1/to/1', after: 'mia' },
      { op: 'replace', path: '/outgoing/out_1/a~1b~0c', before: 1, after: 2 },
      { op: 'remove', path: '/outgoing/out_1/gone', before: true },
    ],
  )
})
