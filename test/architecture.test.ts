import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { importsOf, tokensOf } from './support/source.ts'

const root = path.dirname(import.meta.dirname)
const layers = ['domain', 'commands', 'projections', 'adapters', 'http', 'std']
/** What sees every layer, and is seen by none: the process, its settings, and the parts of `app.ts`. */
const everything = /^src\/(?:(?:app|main|config)\.ts|app\/[^/]+\.ts)$/

type Place = { layer: string; feature: string; file: string }

/** `src/commands/sending/x.ts` lies in layer commands, feature sending; `src/commands/handle.ts` in no feature. */
const placeOf = (file: string): Place | undefined => {
  const [src, layer = '', ...rest] = file.split('/')
  if (src !== 'src' || !layers.includes(layer) || rest.length === 0) return undefined
  return { layer, feature: rest.length > 1 ? (rest[0] ?? '') : '', file }
}

const isOwn = (from: Place, to: Place, layer = from.layer): boolean =>
  to.layer === layer && to.feature === from.feature
const isPort = ({ layer, feature }: Place): boolean => layer === 'commands' && feature === 'ports'
/** `commands/sending/sending.ts`, `projections/sending/sending.ts` */
const isDoor = ({ layer, feature, file }: Place): boolean =>
  (layer === 'commands' || layer === 'projections') && file.endsWith(`/${feature}/${feature}.ts`)
const isShared = ({ layer, feature }: Place): boolean =>
  layer === 'std' || (layer === 'domain' && feature === '')
/** Everything of the domain but deciders, which the commands of their own feature alone may import. */
const isDomain = (to: Place): boolean => to.layer === 'domain' && !deciders.has(to.file)

/** Which of our own files a file may import. */
const mayImportFile: Record<string, (from: Place, to: Place) => boolean> = {
  domain: (from, to) => isDomain(to) || isOwn(from, to),
  commands: (from, to) =>
    isShared(to) ||
    isDomain(to) ||
    isOwn(from, to, 'domain') ||
    isOwn(from, to) ||
    isPort(to) ||
    ['src/commands/handle.ts', 'src/commands/to-do-work.ts'].includes(to.file),
  projections: (from, to) => isDomain(to) || isOwn(from, to) || to.file === 'src/projections/projection.ts',
  adapters: (from, to) =>
    isShared(to) ||
    isDomain(to) ||
    isOwn(from, to) ||
    isPort(to) ||
    to.file === 'src/projections/projection.ts' ||
    (to.layer === 'adapters' && to.feature === 'network'),
  http: (from, to) =>
    isShared(to) ||
    isDomain(to) ||
    isOwn(from, to) ||
    isDoor(to) ||
    isPort(to) ||
    to.file === 'src/commands/handle.ts' ||
    (to.layer === 'http' && to.feature === 'server'),
  std: (from, to) => isOwn(from, to),
}

/** Which packages a file may import; undefined is one that is computed while the program runs. */
const mayImportPackage: Record<string, (name: string | undefined) => boolean> = {
  domain: (name) => name === 'zod',
  commands: (name) => name === 'node:crypto',
  projections: (name) => name === 'kysely',
  adapters: () => true,
  std: (name) => name?.startsWith('node:') ?? false,
  http: (name) =>
    name !== undefined && /^(fastify|@fastify\/.+|fastify-type-provider-zod|zod|node:.+)$/.test(name),
}

/** Names that give the domain a clock, chance, a process, the network or a console. */
const impure =
  /^(process|console|globalThis|global|fetch|crypto|performance|setTimeout|setInterval|setImmediate|queueMicrotask|WebSocket|EventSource|navigator|localStorage|sessionStorage|eval|Function)$/

const violationsIn = (file: string, source: string): string[] => {
  const imports = importsOf(source)
  const place = placeOf(file)
  const found = imports.filter(({ isExport }) => isExport).map(({ line }) => `${file}:${line} re-exports`)
  if (everything.test(file)) return found
  if (place === undefined) return [`${file} lies in none of the five layers`]
  for (const { specifier, line } of imports) {
    const isFile = specifier?.startsWith('.') ?? false
    const target = isFile ? path.posix.join(path.posix.dirname(file), specifier ?? '') : packageOf(specifier)
    const to = isFile ? placeOf(target ?? '') : undefined
    const allowed = isFile
      ? to !== undefined && mayImportFile[place.layer]?.(place, to)
      : mayImportPackage[place.layer]?.(target)
    if (allowed !== true) found.push(`${file}:${line} imports ${target ?? 'what is computed'}`)
  }
  if (place.layer === 'domain') found.push(...impuritiesIn(source).map((what) => `${file}:${what}`))
  return found
}

const packageOf = (specifier: string | undefined): string | undefined => {
  if (specifier === undefined || specifier.startsWith('node:')) return specifier
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

const impuritiesIn = (source: string): string[] => {
  const tokens = tokensOf(source)
  return tokens.flatMap(({ kind, text, line }, index) => {
    const next = tokens.slice(index + 1, index + 4).map((token) => token.text)
    const before = tokens[index - 1]?.text ?? ''
    const isMember = before === '.'
    const isKey = next[0] === ':' && ['{', ',', ';', '('].includes(before)
    if (kind !== 'name' || isMember || isKey) return []
    const reads = (owner: string, member: string): boolean =>
      text === owner && ((next[0] === '.' && next[1] === member) || (next[0] === '[' && next[1] === member))
    const isClock =
      text === 'Date' &&
      (reads('Date', 'now') || (before === 'new' ? next[0] !== '(' || next[1] === ')' : next[0] === '('))
    if (isClock || reads('Math', 'random') || reads('Temporal', 'Now') || impure.test(text))
      return [`${line} uses ${text}`]
    return []
  })
}

const filesUnder = (...folders: string[]): string[] => {
  return folders
    .flatMap((folder) => fs.globSync(`${folder}/**/*.{ts,mts,js,mjs,cjs,tsx}`, { cwd: root }))
    .toSorted()
}

const read = (file: string): string => fs.readFileSync(path.join(root, file), 'utf8')

/** The files that export a decider. */
const deciders = new Set(
  filesUnder('src/domain').filter((file) => /^export const \w+: Decider</m.test(read(file))),
)

t.test('of what lies in src, each imports only what the table of the architecture lets it', async (t) => {
  const files = filesUnder('src')
  t.ok(files.length > 10, 'the source is found')
  t.strictSame(
    files.flatMap((file) => violationsIn(file, read(file))),
    [],
  )
})

t.test('src uses no package that is not a dependency of the product', async (t) => {
  const { dependencies, optionalDependencies } = JSON.parse(read('package.json'))
  const known = new Set(Object.keys({ ...dependencies, ...optionalDependencies }))
  const used = filesUnder('src').flatMap((file) =>
    importsOf(read(file)).map(({ specifier }) => ({ file, name: packageOf(specifier) ?? '' })),
  )
  t.strictSame(
    used.filter(({ name }) => name !== '' && !/^(\.|node:)/.test(name) && !known.has(name)),
    [],
  )
})

t.test(
  'files have names in kebab-case, none is an index, and our own are imported with their ending',
  async (t) => {
    const files = ['runtime/run.mjs', ...filesUnder('src', 'test', 'scripts', 'bench', 'migrations')]
    t.strictSame(
      files.flatMap((file) => namingViolationsIn(file, read(file))),
      [],
    )
  },
)

const namingViolationsIn = (file: string, source: string): string[] => {
  const name = path.posix.basename(file)
  const found: string[] = []
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.(ts|mjs)$/.test(name))
    found.push(`${file} is not named in kebab-case`)
  if (name.startsWith('index.')) found.push(`${file} is an index`)
  for (const { specifier = '', line } of importsOf(source)) {
    if (specifier.startsWith('.') && !/\.(ts|mjs|json)$/.test(specifier)) {
      found.push(`${file}:${line} imports ${specifier} without its ending`)
    }
  }
  return found
}

t.test('the table bites: each planted violation is found', async (t) => {
  const planted: [file: string, source: string][] = [
    ['src/domain/sending/x.ts', `import { account } from '../accounts/account.ts'`],
    ['src/domain/sending/x.ts', `import type { Account } from '../accounts/account.ts'`],
    ['src/domain/sending/x.ts', `import { handle } from '../../commands/handle.ts'`],
    ['src/domain/sending/x.ts', `import { createHash } from 'node:crypto'`],
    ['src/domain/sending/x.ts', `import fs from 'fs'`],
    ['src/domain/sending/x.ts', `import 'pg'`],
    ['src/domain/x.ts', `import { account } from './accounts/account.ts'`],
    ['src/domain/x.ts', `export const later = () => import('pg')`],
    ['src/domain/x.ts', 'export const later = () => import(`pg`)'],
    ['src/domain/x.ts', `export const later = (name: string) => import(name)`],
    ['src/domain/x.ts', 'export const later = (name: string) => import(`./${name}`)'],
    ['src/domain/x.ts', `export const later = (a: string) => import('zod' + a)`],
    ['src/domain/x.ts', `export type Pool = import('pg').Pool`],
    ['src/domain/x.ts', `const pg = require('pg')`],
    ['src/domain/x.ts', `export { z } from 'zod'`],
    ['src/domain/x.ts', `export * from './event.ts'`],
    ['src/domain/x.ts', `export type { Event } from './event.ts'`],
    ['src/domain/x.ts', `import * as config\n  from '../config.ts'`],
    ['src/domain/x.ts', `import { z } from 'zod/../pg'; import a from /* sly */ "../app.ts"`],
    ['src/domain/x.ts', `import test from '../../test/support/source.ts'`],
    ['src/domain/x.ts', 'const at = Date.now()'],
    ['src/domain/x.ts', `const at = Date['now']()`],
    ['src/domain/x.ts', 'const at = new Date()'],
    ['src/domain/x.ts', 'const at = new Date'],
    ['src/domain/x.ts', 'const at = Date()'],
    ['src/domain/x.ts', 'const dice = Math.random()'],
    ['src/domain/x.ts', 'const at = `at ${Date.now()}`'],
    ['src/domain/x.ts', 'const where = process.env'],
    ['src/domain/x.ts', 'console.log(1)'],
    ['src/domain/x.ts', 'const it = globalThis.process'],
    ['src/domain/x.ts', `await fetch('http://localhost')`],
    ['src/domain/x.ts', 'const id = crypto.randomUUID()'],
    ['src/domain/x.ts', 'setTimeout(() => {}, 1)'],
    ['src/commands/sending/x.ts', `import { account } from '../../domain/accounts/account.ts'`],
    ['src/commands/sending/x.ts', `import { connect } from '../accounts/connect.ts'`],
    ['src/commands/sending/x.ts', `import { run } from '../automation-runner.ts'`],
    ['src/commands/sending/x.ts', `import { readFile } from 'node:fs/promises'`],
    ['src/commands/sending/x.ts', `import { z } from 'zod'`],
    ['src/commands/sending/x.ts', `import { rows } from '../../projections/sending/outbox.ts'`],
    ['src/commands/sending/x.ts', `import { pool } from '../../adapters/postgres/pool.ts'`],
    ['src/commands/handle.ts', `import { connect } from './accounts/connect.ts'`],
    [
      'src/projections/sending/x.ts',
      `import { outgoingEmail } from '../../domain/sending/outgoing-email.ts'`,
    ],
    ['src/projections/sending/x.ts', `import { rows } from '../accounts/list.ts'`],
    ['src/projections/sending/x.ts', `import { handle } from '../../commands/handle.ts'`],
    ['src/projections/sending/x.ts', `import pg from 'pg'`],
    ['src/projections/sending/x.ts', `import { randomUUID } from 'node:crypto'`],
    ['src/adapters/gmail/x.ts', `import { pool } from '../postgres/pool.ts'`],
    ['src/adapters/gmail/x.ts', `import { account } from '../../domain/accounts/account.ts'`],
    ['src/adapters/gmail/x.ts', `import { handle } from '../../commands/handle.ts'`],
    ['src/adapters/gmail/x.ts', `import { rows } from '../../projections/sending/outbox.ts'`],
    ['src/adapters/gmail/x.ts', `import { server } from '../../http/server.ts'`],
    ['src/adapters/gmail/x.ts', `import { config } from '../../config.ts'`],
    ['src/http/x.ts', `import { pool } from '../adapters/postgres/pool.ts'`],
    ['src/http/x.ts', `import type { Pool } from 'pg'`],
    ['src/http/sending/x.ts', `import { queueEmail } from '../../commands/sending/queue-email.ts'`],
    ['src/http/sending/x.ts', `import type { queueEmail } from '../../commands/sending/queue-email.ts'`],
    ['src/http/sending/x.ts', `import { outbox } from '../../projections/sending/outbox.ts'`],
    ['src/http/sending/x.ts', `import type { OutgoingEmail } from '../../domain/sending/outgoing-email.ts'`],
    ['src/http/sending/x.ts', `import { templateRoutes } from '../templates/templates.ts'`],
    ['src/http/sending/x.ts', `import type { MayRead } from '../../projections/projection.ts'`],
    ['src/http/sending/x.ts', `import { runAutomations } from '../../commands/automation-runner.ts'`],
    ['src/std/x.ts', `import type { Lease } from '../commands/ports/leases.ts'`],
    ['src/std/x.ts', `import pg from 'pg'`],
    ['src/domain/x.ts', `import { within } from '../std/within.ts'`],
    ['src/http/x.ts', `import { config } from '../config.ts'`],
    ['src/http/x.ts', `const later = (name: string) => import(name)`],
    ['src/http/x.ts', `import { addRoutes } from '../app/routes.ts'`],
    ['src/projections/sending/x.ts', `import { projections } from '../../app/read-models.ts'`],
    ['src/app/helpers/x.ts', ''],
    ['src/helpers/x.ts', ''],
    ['src/util.ts', ''],
    ['src/app.ts', `export { main } from './main.ts'`],
  ]
  for (const [file, source] of planted)
    t.equal(violationsIn(file, source).length > 0, true, `${file}: ${source}`)
  const misnamed: [file: string, source: string][] = [
    ['src/http/index.ts', ''],
    ['src/http/apiKeys.ts', ''],
    ['src/http/api_keys.ts', ''],
    ['src/http/api-keys.js', ''],
    ['src/http/x.ts', `import { a } from './a'`],
    ['src/http/x.ts', `import { a } from './a.js'`],
    ['src/http/x.ts', `const a = await import('../http')`],
  ]
  for (const [file, source] of misnamed)
    t.equal(namingViolationsIn(file, source).length > 0, true, `${file}: ${source}`)
})

t.test('the table lets pass what it allows, and what only looks like an import', async (t) => {
  const fine: [file: string, source: string][] = [
    [
      'src/domain/sending/x.ts',
      `import { z } from 'zod'\nimport { AccountConnected } from '../accounts/events.ts'`,
    ],
    [
      'src/domain/sending/x.ts',
      `import { retryAt } from './retry-policy.ts'\nimport { event } from '../event.ts'`,
    ],
    ['src/domain/x.ts', `// import pg from 'pg'\n/* Date.now() */ const text = "import 'pg'; new Date()"`],
    ['src/domain/x.ts', 'const text = `import pg from "pg" ${`nested ${1}`} Date.now()`'],
    ['src/domain/x.ts', `const quote = /['"\`/]/.test(text) ? 1 / 2 : '/'; const slash = a / b / c // ' pg`],
    [
      'src/domain/x.ts',
      'const at = new Date(iso); const ms = Date.parse(iso); const x = { process: 1, y: event.process }',
    ],
    [
      'src/commands/sending/x.ts',
      `import { randomUUID } from 'node:crypto'\nimport { handle } from '../handle.ts'`,
    ],
    ['src/commands/sending/x.ts', `import { outgoingEmail } from '../../domain/sending/outgoing-email.ts'`],
    [
      'src/projections/sending/x.ts',
      `import { sql } from 'kysely'\nimport { projection } from '../projection.ts'`,
    ],
    ['src/projections/sending/x.ts', `import { AccountConnected } from '../../domain/accounts/events.ts'`],
    [
      'src/adapters/gmail/x.ts',
      `import { gmail } from '@googleapis/gmail'\nimport type { Mail } from '../../domain/mail.ts'`,
    ],
    [
      'src/adapters/gmail/x.ts',
      `import { MailRejected } from '../../commands/ports/mail-provider.ts'\nimport { api } from './api.ts'`,
    ],
    ['src/adapters/postgres/x.ts', `import type { Projection } from '../../projections/projection.ts'`],
    [
      'src/http/x.ts',
      `import helmet from '@fastify/helmet'\nimport type { SendingQueries } from '../projections/sending/sending.ts'`,
    ],
    ['src/http/x.ts', `import type { EventStore } from '../commands/ports/event-log.ts'`],
    [
      'src/http/sending/x.ts',
      `import type { SendingCommands } from '../../commands/sending/sending.ts'\nimport type { Caller } from '../../commands/handle.ts'`,
    ],
    ['src/commands/sending/x.ts', `import { within } from '../../std/within.ts'`],
    ['src/app/routes.ts', `import { rows } from '../projections/sending/outbox.ts'`],
    ['src/app.ts', `import { pool } from './adapters/postgres/pool.ts'\nimport os from 'node:os'`],
  ]
  for (const [file, source] of fine) t.strictSame(violationsIn(file, source), [], `${file}: ${source}`)
})
