// What `npm test` does: types, lint, format and every test file. `npm test -- FILES` runs these test files only.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { sharedServerVariable, startTestServer } from '../test/support/postgres-server.ts'
import { type Totals, tapReport } from './tap-report.ts'

const root = path.dirname(import.meta.dirname)
const checks = [
  { name: 'types', program: 'node_modules/typescript/bin/tsc', args: ['--noEmit', '-p', '.'] },
  { name: 'lint', program: 'node_modules/oxlint/bin/oxlint', args: ['--type-aware', '--deny-warnings', '.'] },
  { name: 'format', program: 'node_modules/oxfmt/bin/oxfmt', args: ['--check', '.'] },
]
const running = new Set<ChildProcess>()

async function main(wanted: string[]): Promise<void> {
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
    totals = await Promise.race([runAll(wanted, server), stopping.promise])
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

async function runAll(wanted: string[], server: ReturnType<typeof startTestServer>): Promise<Totals> {
  const failedChecks: string[] = []
  for (const { name, program, args } of wanted.length === 0 ? checks : []) {
    if (!(await runCheck(name, program, args))) failedChecks.push(`${name} failed`)
  }
  const files =
    wanted.length === 0 ? testFiles() : wanted.map((file) => path.relative(root, path.resolve(file)))
  const { connection } = await server
  const totals = await runTap(files, {
    ...process.env,
    [sharedServerVariable]: JSON.stringify(connection),
    // Hundreds of processes load the same modules.
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? path.join(root, 'node_modules/.cache/compiled'),
  })
  return {
    ...totals,
    failed: totals.failed + failedChecks.length,
    problems: [...failedChecks, ...totals.problems],
  }
}

/** Runs one check and shows what it printed only where it failed. */
async function runCheck(name: string, program: string, args: string[]): Promise<boolean> {
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

async function runTap(files: string[], env: NodeJS.ProcessEnv): Promise<Totals> {
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

function testFiles(): string[] {
  const depth = (file: string): number => file.split(path.sep).length
  // Those of whole processes first: they take the longest, and wait the most.
  return fs
    .globSync('test/**/*.test.ts', { cwd: root })
    .toSorted((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1))
}

function start(program: string, args: string[], env: NodeJS.ProcessEnv, stdio: StdioOptions): ChildProcess {
  // In a group of its own, so that all of its test files can be ended with it.
  const options = { cwd: root, env, stdio, detached: true }
  const child = spawn(process.execPath, [path.join(root, program), ...args], options)
  running.add(child)
  return child
}

function exitCodeOf(child: ChildProcess): Promise<number | null> {
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.on('error', reject)
  child.on('close', resolve)
  return promise.finally(() => running.delete(child))
}

function heading(passed: boolean, name: string, seconds: number): void {
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${seconds.toFixed(1).padStart(5)} s  ${name}`)
}

await main(process.argv.slice(2))
