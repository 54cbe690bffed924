import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { plants } from '../../scripts/torture/planted/plants.ts'
import { importsOf } from '../support/typescript-source.ts'

const root = path.join(import.meta.dirname, '../..')
const planted = path.join(root, 'scripts/torture/planted')

/** All that the program loads, seen from its first file. */
const loadedFrom = (file: string, loaded = new Set<string>()): Set<string> => {
  if (loaded.has(file)) return loaded
  loaded.add(file)
  for (const { specifier = '' } of importsOf(fs.readFileSync(file, 'utf8')))
    if (specifier.startsWith('.')) loadedFrom(path.resolve(path.dirname(file), specifier), loaded)
  return loaded
}

t.test('every planted fault replaces a file that the service loads with one that there is', async (t) => {
  const loaded = loadedFrom(path.join(root, 'src/main.ts'))
  for (const [name, { replaces }] of Object.entries(plants)) {
    t.ok(Object.keys(replaces).length > 0, `${name} replaces something`)
    for (const [real, ours] of Object.entries(replaces)) {
      t.ok(loaded.has(path.join(root, 'src', real)), `${name}: the service loads src/${real}`)
      t.ok(fs.existsSync(path.join(planted, ours)), `${name}: there is ${ours}`)
    }
  }
})
