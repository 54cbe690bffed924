import t from 'tap'
import { filesUnder, read } from '../support/import-table.ts'

t.test('the history of everything that has rules can be replayed', async (t) => {
  const source = read('src/app/stories.ts')
  const deciders = filesUnder('src/domain').flatMap((file) =>
    [...read(file).matchAll(/^export const (\w+): Decider</gm)].map(([, name = '']) => name),
  )
  t.ok(deciders.length >= 9, `there are ${deciders.length}`)
  for (const name of deciders) t.match(source, new RegExp(`ofStream\\('\\w+', ${name}\\)`), name)
})
