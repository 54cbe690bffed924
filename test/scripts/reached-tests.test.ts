import { execFileSync } from 'node:child_process'
import path from 'node:path'
import t, { type Test } from 'tap'
import { testReach } from '../../scripts/reached-tests.ts'

const project = path.join(import.meta.dirname, '../..')

/** A project with these files, and which of its tests a change of one reaches. */
const projectOf = (t: Test, files: Record<string, string>) => {
  const root = t.testdir(asFolders({ 'scripts/check.ts': '', ...files }))
  execFileSync('git', ['init', '--quiet'], { cwd: root })
  const reach = testReach(root)
  return (...changed: string[]) => reach(changed)
}

type Folders = { [name: string]: string | Folders }

const asFolders = (files: Record<string, string>): Folders => {
  const top: Folders = {}
  for (const [file, content] of Object.entries(files)) {
    const [name = '', ...folders] = file.split('/').toReversed()
    let at = top
    for (const folder of folders.toReversed()) at = (at[folder] ??= {}) as Folders
    at[name] = content
  }
  return top
}

t.test('a test is reached by what it imports, at whatever distance, and not by its neighbours', async (t) => {
  const reached = projectOf(t, {
    'src/a.ts': `export { b } from './b.ts'`,
    'src/b.ts': `export const b = async () => (await import('./late.ts')).late`,
    'src/late.ts': `export const late = 1`,
    'src/alone.ts': `export const alone = 1`,
    'test/a.test.ts': `import { a } from '../src/a.ts'`,
    'test/other.test.ts': `import t from 'tap'`,
  })
  for (const file of ['src/a.ts', 'src/b.ts', 'src/late.ts', 'test/a.test.ts'])
    t.same(reached(file), ['test/a.test.ts'], file)
  t.same(reached('src/alone.ts'), [])
  t.same(reached('src/alone.ts', 'test/other.test.ts', 'src/b.ts'), ['test/a.test.ts', 'test/other.test.ts'])
})

t.test('imports of types run nothing; those of a value called type do', async (t) => {
  const reached = projectOf(t, {
    'src/types.ts': `export type X = 1`,
    'src/both.ts': `export type Y = 1; export const y = 1`,
    'src/named.ts': `export const type = 1`,
    'test/a.test.ts': `
      import type { X } from '../src/types.ts'
      export type { X } from '../src/types.ts'
      import { type Y, y } from '../src/both.ts'
      import type from '../src/named.ts'`,
  })
  t.same(reached('src/types.ts'), [])
  t.same(reached('src/both.ts'), ['test/a.test.ts'])
  t.same(reached('src/named.ts'), ['test/a.test.ts'])
})

t.test('a test is reached by what it starts or reads by its path', async (t) => {
  const reached = projectOf(t, {
    'README.md': 'words',
    'migrations/0001-first.ts': `export const up = 1`,
    'src/main.ts': `const app = await import('./app.ts')`,
    'src/app.ts': `new Worker(new URL('worker.ts', import.meta.url)); fileURLToPath(new URL('../migrations', import.meta.url))`,
    'src/worker.ts': `import './in-thread.ts'`,
    'src/in-thread.ts': ``,
    'src/planted/real.ts': ``,
    'test/child.test.ts': `const main = new URL('../src/main.ts', import.meta.url)`,
    'test/deep/joined.test.ts': `path.join(import.meta.dirname, '..', 'support', 'writer.ts')`,
    'test/support/writer.ts': ``,
    'test/events.test.ts': `readdirSync(path.join(path.dirname(import.meta.dirname), 'test', 'fixtures', 'events'))`,
    'test/fixtures/events/Sent.json': `{}`,
    'test/hook.test.ts': 'new URL(`../src/planted/${real}`, import.meta.url)',
    'test/readme.test.ts': `readFileSync(path.join(root, 'README.md'))`,
    'test/whole.test.ts': `filesUnder('src')`,
    'test/pattern.test.ts': `globSync('src/**/*.ts', { cwd: root })`,
  })
  const ofTheSource = ['test/pattern.test.ts', 'test/whole.test.ts']
  for (const file of ['src/main.ts', 'src/app.ts', 'src/worker.ts', 'src/in-thread.ts'])
    t.same(reached(file), ['test/child.test.ts', ...ofTheSource], file)
  t.same(reached('migrations/0001-first.ts'), ['test/child.test.ts', ...ofTheSource])
  t.same(reached('migrations/0000-deleted.ts'), ['test/child.test.ts', ...ofTheSource], 'one that is gone')
  t.same(reached('test/support/writer.ts'), ['test/deep/joined.test.ts'])
  t.same(reached('test/fixtures/events/Sent.json'), ['test/events.test.ts'])
  t.same(reached('test/fixtures/events/Gone.json'), ['test/events.test.ts'])
  t.same(reached('src/planted/real.ts'), ['test/hook.test.ts', ...ofTheSource])
  t.same(reached('README.md'), ['test/readme.test.ts'])
})

t.test('packages and what runs the tests reach all of them', async (t) => {
  const reached = projectOf(t, {
    'package.json': '{}',
    'scripts/check.ts': `import './report.ts'; start('scripts/program.ts'); globSync('test/**/*.test.ts')`,
    'scripts/report.ts': ``,
    'scripts/program.ts': ``,
    'src/a.ts': ``,
    'test/a.test.ts': ``,
    'test/b.test.ts': `import '../src/a.ts'`,
  })
  for (const file of ['package.json', 'scripts/check.ts', 'scripts/report.ts', 'scripts/program.ts'])
    t.same(reached(file), ['test/a.test.ts', 'test/b.test.ts'], file)
  t.same(reached('src/a.ts'), ['test/b.test.ts'])
})

t.test('in this project a change reaches the tests that it should, and leaves out others', async (t) => {
  const reach = testReach(project)
  const reached = (file: string) => reach([file])
  const ofWorker = reached('src/adapters/mjml/worker.ts')
  for (const file of [
    'test/adapters/mjml/compile.test.ts',
    'test/main.test.ts',
    'test/several-processes.test.ts',
  ])
    t.ok(ofWorker.includes(file), file)
  t.notOk(ofWorker.includes('test/adapters/vault.test.ts'))
  const ofMigration = reached('migrations/0005-keyring.ts')
  t.ok(ofMigration.includes('test/adapters/vault.test.ts'))
  t.notOk(ofMigration.includes('test/domain/sync/glob.test.ts'))
  const ofTest = reached('test/domain/sync/glob.test.ts')
  t.ok(ofTest.includes('test/domain/sync/glob.test.ts'))
  t.notOk(ofTest.includes('test/domain/sync/plan.test.ts'))
})
