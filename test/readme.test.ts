import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { settingNames } from '../src/config.ts'

const readme = fs.readFileSync(path.join(path.dirname(import.meta.dirname), 'README.md'), 'utf8')

t.test('the README has a line for every setting, and for nothing that is none', async (t) => {
  const settings = readme.split(/^## /m).find((section) => section.startsWith('Settings\n')) ?? ''
  const firstCells = [...settings.matchAll(/^\|([^|]*)\|/gm)].map(([, cell = '']) => cell)
  const listed = firstCells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name))
  t.strictSame(listed.toSorted(), [...settingNames].toSorted())
})
