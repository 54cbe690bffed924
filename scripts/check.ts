// What `npm test` does: types, lint, format and every test file. `npm test -- FILES` runs only these test files, `--
// --changed` the checks and the tests that local changes can reach, `--long` property tests at full length.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { longVariable } from '../test/support/long-runs.ts'
import { sharedServerVariable, startTestServer } from '../test/support/postgres-server.ts'
import { changedFiles } from './changed-files.ts'
import { testReach } from './reached-tests.ts'
import { type Totals, tapReport } from './tap-report.ts'

const root = path.dirname(import.meta.dirname)
const checks = [
  { name: 'types', program: 'node_modules/typescript/bin/tsc', args: ['--noEmit', '-p', '.'] },
  { name: 'lint', program: 'node_modules/oxlint/bin/oxlint', args: ['--type-aware', '--deny-warnings', '.'] },
  { name: 'format', program: 'node_modules/oxfmt/bin/oxfmt', args: ['--check', '.'] },
  // An export that only tests import counts as unused, unless its own file uses it too: then it is tested, not kept for it.
  { name: 'unused', program: 'node_modules/knip/bin/knip.js', args: ['--no-progress'] },
  {
    name: 'unused without tests',
    program: 'node_modules/knip/bin/knip.js',
    args: ['--no-progress', '--config', 'knip.without-tests.json'],
  },
]
const running = new Set<ChildProcess>()

type Wanted = { readonly checks: boolean; readonly files: readonly string[]; readonly isLong: boolean }

const wantedBy = (args: readonly string[]): Wanted => {
  const flags = args.filter((arg) => arg.startsWith('-'))
  const files = args.filter((arg) => !arg.startsWith('-'))
  const unknown = flags.filter((flag) => flag !== '--changed' && flag !== '--long')
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(', ')}, only --changed and --long`)
  const isLong = flags.includes('--long')
  const isChanged = flags.includes('--changed')
  if (isChanged && files.length > 0) throw new Error('--changed finds the files by itself')
  if (files.length > 0)
    return { checks: false, files: files.map((file) => path.relative(root, path.resolve(file))), isLong }
  return { checks: true, files: isChanged ? testsOfChange() : testFiles(), isLong }
}

const testsOfChange = (): string[] => {
  const change = changedFiles(root)
  const reached = new Set(testReach(root)(change.files))
  const all = testFiles()
  console.log(
    `${change.files.length} files differ from ${change.since}; they reach ${reached.size} of ${all.length} test files`,
  )
  return all.filter((file) => reached.has(file))
}

const main = async (args: readonly string[]): Promise<void> => {
  const stopping = Promise.withResolvers<never>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      for (const { pid } of running) if (pid !== undefined) process.kill(-pid, 'SIGTERM')
      stopping.reject(new Error(`stopped by ${signal}`))
    })
  }
  const server = startTestServer()
  server.catch(() => {})
  let totals: Totals
  try {
    totals = await Promise.race([runAll(wantedBy(args), server), stopping.promise])
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    totals = { passed: 0, failed: 1, skipped: 0, problems: [`the run broke: ${reason}`] }
  } finally {
    await server.then(
      ({ stop }) => stop(),
      () => {},
    )
  }
  for (const problem of totals.problems) console.log(`! ${problem}`)
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
  process.exitCode = totals.failed === 0 ? 0 : 1
}

const runAll = async (wanted: Wanted, server: ReturnType<typeof startTestServer>): Promise<Totals> => {
  const failedChecks: string[] = []
  for (const { name, program, args } of wanted.checks ? checks : []) {
    if (!(await runCheck(name, program, args))) failedChecks.push(`${name} failed`)
  }
  const { connection } = await server
  const totals = await runTap(wanted.files, {
    ...process.env,
    [sharedServerVariable]: JSON.stringify(connection),
    ...(wanted.isLong ? { [longVariable]: '1' } : {}),
    // Hundreds of processes load the same modules.
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? path.join(root, 'node_modules/.cache/compiled'),
  })
  return {
    ...totals,
    failed: totals.failed + failedChecks.length,
    problems: [...failedChecks, ...totals.problems],
  }
}

/** Runs one check, and shows its output only if it failed. */
const runCheck = async (name: string, program: string, args: string[]): Promise<boolean> => {
  const began = Date.now()
  const child = start(program, args, process.env, ['ignore', 'pipe', 'pipe'])
  const output: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => output.push(chunk))
  const passed = (await exitCodeOf(child)) === 0
  heading(passed, name, (Date.now() - began) / 1000)
  if (!passed) console.log(Buffer.concat(output).toString('utf8'))
  return passed
}

const runTap = async (files: readonly string[], env: NodeJS.ProcessEnv): Promise<Totals> => {
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0, problems: [] }
  const child = start('scripts/tap-files.ts', files, env, ['ignore', 'pipe', 'inherit'])
  const exitCode = exitCodeOf(child)
  const report = tapReport()
  if (child.stdout === null) throw new Error('tap has no output to read')
  for await (const line of createInterface({ input: child.stdout })) {
    const result = report.read(line)
    if (result === undefined) continue
    heading(result.passed, result.file, result.seconds)
    if (!result.passed) console.log(result.failures.join('\n'))
  }
  return report.total(files, await exitCode)
}

const testFiles = (): string[] => {
  const depth = (file: string): number => file.split(path.sep).length
  // Those that start whole processes first: they take longest, and mostly wait.
  return fs
    .globSync('test/**/*.test.ts', { cwd: root })
    .toSorted((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1))
}

const start = (
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  stdio: StdioOptions,
): ChildProcess => {
  // In a process group of its own, so that all test files can be ended with it.
  const options = { cwd: root, env, stdio, detached: true }
  const child = spawn(process.execPath, [path.join(root, program), ...args], options)
  running.add(child)
  return child
}

const exitCodeOf = (child: ChildProcess): Promise<number | null> => {
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.on('error', reject)
  child.on('close', resolve)
  return promise.finally(() => running.delete(child))
}

const heading = (passed: boolean, name: string, seconds: number): void => {
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${seconds.toFixed(1).padStart(5)} s  ${name}`)
}

await main(process.argv.slice(2))
